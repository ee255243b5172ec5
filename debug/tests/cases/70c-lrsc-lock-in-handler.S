# expect: idle|trap
# words: lock|atomic|lr; handl|interrupt
# why: The tick's handler takes a lock that main holds: lr/sc for ever in the handler, interrupts off (a classical deadlock).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, lock
    li t1, 1
    sw t1, 0(t0)
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
1:  la t0, counter
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    j 1b
ends main
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd t2, 16(sp)
    la t0, lock
    li t1, 1
1:  lr.w.aq t2, (t0)
    bnez t2, 1b
    sc.w t2, t1, (t0)
    bnez t2, 1b
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld t2, 16(sp)
    addi sp, sp, 32
    sret
ends handler
zeroed lock, 64
zeroed counter, 64
