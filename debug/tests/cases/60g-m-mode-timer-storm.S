# expect: idle
# words: timer
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: A kernel for M-mode whose handler of the timer does not set mtimecmp: the interrupt stays pending.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, 0x02004000
    sd zero, 0(t0)
    li t0, 128
    csrs mie, t0
    csrsi mstatus, 8
    rest_here
ends main
    .balign 4
function handler
    mret
ends handler
zeroed table, 1024
