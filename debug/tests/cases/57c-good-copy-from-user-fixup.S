# expect: pass
# why: In a call of a user program the kernel loads from a bad user pointer; the nested fault is fixed up, and the program is told so.
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
    la t0, program
    csrw sepc, t0
    li t0, 1 << 8
    csrc sstatus, t0
    sret
ends main
    .balign 4
function handler
    csrr t0, sstatus
    andi t0, t0, 256
    bnez t0, from_kernel
    csrrw sp, sscratch, sp
    addi sp, sp, -64
    csrr t0, sepc
    addi t0, t0, 4
    sd t0, 0(sp)
    li t2, 93
    beq a7, t2, exited
touch:
    lb t1, 0(a0)
    li a0, 0
    j 1f
fixup:
    li a0, -14
1:  ld t0, 0(sp)
    csrw sepc, t0
    li t0, 256
    csrc sstatus, t0
    addi sp, sp, 64
    csrrw sp, sscratch, sp
    sret
from_kernel:
    csrr t0, sepc
    la t1, touch
    bne t0, t1, dead
    la t0, fixup
    csrw sepc, t0
    sret
dead:
    unimp
exited:
    wfi
    j exited
ends handler
    .section .text.user,"ax"
    .globl program
program:
    li a0, 0x700000000000
    li a7, 64
    ecall
    li a7, 93
    ecall
zeroed table, 1024
