# expect: trap
# words: timer interrupt; s1 = 0x1, which was; main uses it; save s1
# why: The timer's handler uses s1 without saving it; main calls through s1 afterwards.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    la s1, worker
    timer_in 1000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
1:  ld t0, ticks
    beqz t0, 1b
    jalr s1
    rest_here
ends main
function worker
    ret
ends worker
function handler
    li s1, 0x20
    csrc sie, s1
    li s1, 1
    addi sp, sp, -16
    sd t0, 0(sp)
    la t0, ticks
    sd s1, 0(t0)
    ld t0, 0(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed ticks, 8
