# expect: pass
# why: A user program yields for ever, and the kernel ticks: most interrupts are due in the handler of a call, and come right behind its return.
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
    csrr t0, scause
    bltz t0, 1f
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    j 2f
1:  timer_in 100000
2:  ld t0, 0(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    csrrw sp, sscratch, sp
    sret
ends handler
    .section .text.user,"ax"
    .balign 4
    .globl program
program:
    ecall
    j program
zeroed calls, 8
