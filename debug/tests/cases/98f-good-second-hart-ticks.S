# expect: pass
# flags: --smp 2
# why: The second hart computes for ever and its timer ticks every millisecond; the boot hart rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    j worker
ends second
function worker
1:  addi s2, s2, 1
    xor s3, s3, s2
    j 1b
ends worker
function handler
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    mv s8, a0
    mv s9, a1
    mv s10, a6
    mv s11, a7
    timer_in 10000
    mv a0, s8
    mv a1, s9
    mv a6, s10
    mv a7, s11
    sret
ends handler
zeroed ticks, 8
