# expect: pass
# flags: --smp 3
# why: A scheduler without wfi on three harts: each looks through a table of processes under a lock, nothing is runnable, and each hart ticks.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 3, scheduler
    j scheduler
ends main
function scheduler
    la t0, tick
    csrw stvec, t0
    timer_in 100000
    li t0, 0x20
    csrs sie, t0
1:  csrsi sstatus, 2
    csrci sstatus, 2
    la t2, lock
    li t0, 1
2:  amoswap.w.aq t1, t0, (t2)
    bnez t1, 2b
    la t3, table
    li t4, 8
3:  lw t5, 0(t3)
    bnez t5, 4f
    addi t3, t3, 4
    addi t4, t4, -1
    bnez t4, 3b
4:  amoswap.w.rl zero, zero, (t2)
    j 1b
ends scheduler
function tick
    csrw sscratch, a0
    mv s8, a1
    mv s9, a6
    mv s10, a7
    timer_in 100000
    csrr a0, sscratch
    mv a1, s8
    mv a6, s9
    mv a7, s10
    sret
ends tick
zeroed lock, 8
zeroed table, 32, 8
