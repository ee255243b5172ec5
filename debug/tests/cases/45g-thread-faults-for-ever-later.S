# expect: trap
# words: load access fault; faulty; for ever
# why: As 45e, but the thread waits for 200 of its turns before it faults for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, threads
    la t1, faulty
    sd t1, 0(t0)
    la t1, waiting
    sd t1, 8(t0)
    la t0, switch
    csrw stvec, t0
    timer_in 10000
    li t0, 1 << 5
    csrs sie, t0
    li s0, 0
    la t0, faulty
    csrw sepc, t0
    li t0, (1 << 8) | (1 << 5)
    csrs sstatus, t0
    sret
ends main
# s0 is the thread that runs: t3 and t4 are the first thread's.
    .balign 4
function switch
    csrr t0, scause
    bgez t0, 1f
    timer_in 10000
1:  la t0, threads
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
function faulty
    li t4, 200
1:  wfi
    addi t4, t4, -1
    bnez t4, 1b
    li t3, 8
    ld t3, 0(t3)
    j faulty
ends faulty
function waiting
    rest_here
ends waiting
zeroed threads, 16
