# expect: trap
# words: timer interrupt; a2 = ; task uses it
# why: A tick switches between two tasks. What it saves of one is loaded into a2 of the other.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    la t0, second_stack_top - 64
    la t1, task
    sd t1, 56(t0)
    la t1, counts + 8
    sd t1, 40(t0)
    sd t1, 32(t0)
    la t1, other_sp
    sd t0, 0(t1)
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    la a2, counts
    j task
ends main
function task
1:  ld a1, 0(a2)
    addi a1, a1, 1
    sd a1, 0(a2)
    j 1b
ends task
    .balign 4
function handler
    addi sp, sp, -64
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a2, 40(sp)
    sd a7, 48(sp)
    csrr t0, sepc
    sd t0, 56(sp)
    timer_in 10000
    la t0, other_sp
    ld t1, 0(t0)
    sd sp, 0(t0)
    mv sp, t1
    ld t0, 56(sp)
    csrw sepc, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a2, 32(sp)
    ld a7, 48(sp)
    addi sp, sp, 64
    sret
ends handler
# Whoever looks for another clear of BSS sees each store to the pages of its two ends, which costs time.
zeroed first_page, 4096, 4096
zeroed counts, 16
zeroed other_sp, 8
zeroed second_stack, 4096, 16
    .globl second_stack_top
second_stack_top:
zeroed last_page, 4096, 4096
