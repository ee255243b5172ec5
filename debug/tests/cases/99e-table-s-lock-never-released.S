# expect: idle
# words: lock at .*<lock>
# flags: --smp 3
# why: The same scheduler, but the second hart takes the lock and parks: the others wait for it for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 3, parks
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
function parks
    la t0, first
    li t1, 1
    amoadd.w.aqrl t2, t1, (t0)
    bnez t2, scheduler
    la t2, lock
1:  amoswap.w.aq t0, t1, (t2)
    bnez t0, 1b
    rest_here
ends parks
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
zeroed first, 4, 8
zeroed lock, 8
zeroed table, 32, 8
