# expect: trap
# words: stvec was never set
# why: The timer is set and interrupts are on, but stvec was never written: the tick leads to boot again.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
zeroed table, 64
