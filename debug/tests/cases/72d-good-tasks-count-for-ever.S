# expect: pass
# on: embedded
# words: tick
# why: FreeRTOS's demo: two tasks count for ever, switched by a 1 ms tick; no idle, no wfi. It lives.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    la s0, saved
    la t0, task_b
    sd t0, 0(s0)
    la s1, current
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    j task_a
ends main
function task_a
1:  la t0, count_a
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    j 1b
ends task_a
function task_b
1:  la t2, count_b
    ld t3, 0(t2)
    addi t3, t3, 1
    sd t3, 0(t2)
    j 1b
ends task_b
# Tasks use registers of their own: only sepc is switched.
function handler
    csrr a2, sepc
    ld a3, 0(s0)
    sd a2, 0(s0)
    csrw sepc, a3
    timer_in 10000
    sret
ends handler
zeroed saved, 8
zeroed current, 8
zeroed count_a, 8
zeroed count_b, 8
