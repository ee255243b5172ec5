# expect: idle
# words: ticks|memory|flag|loads; interrupts are off|SIE
# why: Waits for the tick counter by loads, with the timer enabled in sie, but sstatus.SIE is 0 (the line `csrsi sstatus, 2` was forgotten): never.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    la t0, ticks
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function handler
    sret
ends handler
zeroed ticks, 64
