# expect: pass
# why: A user program yields for ever by a call that the kernel answers: nothing changes any more.
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
    csrrw sp, sscratch, sp
    addi sp, sp, -64
    sd t0, 0(sp)
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld t0, 0(sp)
    addi sp, sp, 64
    csrrw sp, sscratch, sp
    sret
ends handler
    .section .text.user,"ax"
    .globl program
program:
    li a7, 124
    ecall
    j program
zeroed table, 1024
