# expect: idle
# words: waits for ever for the word.*ticks.*no interrupt is enabled
# why: The handler counts a tick and masks the timer; main waits by wfi for the third tick. wfi may return, and the loop then waits again.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 20000
    li t0, 0x20
    csrs sie, t0
    csrsi sstatus, 2
    li s1, 3
1:  la t0, ticks
    ld t1, 0(t0)
    bgeu t1, s1, 2f
    wfi
    j 1b
2:  rest_here
ends main
.balign 4
function handler
    csrw sscratch, t0
    addi sp, sp, -16
    sd t1, 0(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t1, 0x20
    csrc sie, t1
    ld t1, 0(sp)
    addi sp, sp, 16
    csrr t0, sscratch
    sret
ends handler
zeroed ticks, 64
