# expect: races
# on: embedded
# words: loads value; waited for ready; no release is before
# flags: --smp 2 --schedules 200
# why: A handler of another hart stores a value and then a flag again and again, and no fence is between them.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    la s1, ready
    li s2, 5
1:  ld t1, 0(s1)
    bltu t1, s2, 1b
    fence r, rw
    la t0, value
    ld t1, 0(t0)
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    timer_in 1000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends second
function handler
    la s4, ready
    ld s5, 0(s4)
    addi s5, s5, 1
    la s6, value
    sd s5, 0(s6)
    sd s5, 0(s4)
    li s6, 10
    bgeu s5, s6, 1f
    timer_in 1000
    sret
1:  li a0, -1
    sbi SBI_TIME
    sret
ends handler
zeroed value, 8
zeroed ready, 8
