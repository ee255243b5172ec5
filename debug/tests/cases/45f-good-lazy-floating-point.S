# expect: pass
# why: A scheduler switches threads at each tick and turns the floating-point unit off. The thread's first instruction that needs it traps, right
#   at the beginning of its turn; the handler turns the unit on, and returns to it.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, threads
    la t1, calculates
    sd t1, 0(t0)
    la t1, waiting
    sd t1, 8(t0)
    la t0, switch
    csrw stvec, t0
    timer_in 10000
    li t0, 1 << 5
    csrs sie, t0
    li s0, 0
    la t0, calculates
    csrw sepc, t0
    li t0, (1 << 8) | (1 << 5)
    csrs sstatus, t0
    sret
ends main
# s0 is the thread that runs: threads have no other registers.
    .balign 4
function switch
    csrr t0, scause
    bltz t0, 1f
    li t0, 1 << 13
    csrs sstatus, t0
    sret
1:  timer_in 10000
    li t0, 3 << 13
    csrc sstatus, t0
    la t0, threads
    slli t1, s0, 3
    add t1, t1, t0
    csrr t2, sepc
    sd t2, 0(t1)
    xori s0, s0, 1
    slli t1, s0, 3
    add t1, t1, t0
    ld t2, 0(t1)
    csrw sepc, t2
    li t0, (1 << 8) | (1 << 5)
    csrs sstatus, t0
    sret
ends switch
function calculates
    fadd.d fa0, fa0, fa0
    wfi
    j calculates
ends calculates
function waiting
    rest_here
ends waiting
zeroed threads, 16
