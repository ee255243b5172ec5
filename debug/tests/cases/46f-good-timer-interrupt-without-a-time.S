# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# words: waits for interrupts
# why: M-mode, with the timer's interrupt enabled and mtimecmp at all ones, as no tick is wanted yet: it rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, 0x2004000
    li t1, -1
    sd t1, 0(t0)
    li t0, 1 << 7
    csrw mie, t0
    csrsi mstatus, 8
    rest_here
ends main
.balign 4
function handler
    j handler
ends handler
zeroed table, 64
