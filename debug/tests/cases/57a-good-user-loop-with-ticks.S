# expect: pass
# why: A user program loops for ever in U-mode, and the kernel ticks: an idle task of U-mode.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    csrw sscratch, sp
    timer_in 100000
    li t0, 32
    csrs sie, t0
    la t0, program
    csrw sepc, t0
    li t0, 1 << 8
    csrc sstatus, t0
    li t0, 1 << 5
    csrs sstatus, t0
    sret
ends main
    .balign 4
function handler
    csrrw sp, sscratch, sp
    addi sp, sp, -64
    sd t0, 0(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    timer_in 100000
    ld t0, 0(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    csrrw sp, sscratch, sp
    sret
ends handler
    .section .text.user,"ax"
    .globl program
program:
    j program
zeroed table, 1024
