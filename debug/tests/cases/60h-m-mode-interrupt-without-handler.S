# expect: trap
# words: mtvec was never set, so the hart would go to address 0 and trap there for ever"
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: The timer and interrupts are on in M-mode, but mtvec was never written. No firmware has set it.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    li t0, 0x02004000
    sd zero, 0(t0)
    li t0, 128
    csrs mie, t0
    csrsi mstatus, 8
    rest_here
ends main
zeroed table, 1024
