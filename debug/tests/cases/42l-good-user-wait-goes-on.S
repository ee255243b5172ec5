# expect: pass
# words: -
# why: A program waits by wfi in a loop; it traps in U-mode, and the kernel goes on behind it each time.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here

    la t0, handler
    csrw stvec, t0
    addi t0, sp, -512
    csrw sscratch, t0
    la t0, program
    csrw sepc, t0
    li t0, 1 << 8
    csrc sstatus, t0
    la sp, user_stack_top
    sret
ends main
function handler
    csrrw sp, sscratch, sp
    addi sp, sp, -256
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd a0, 24(sp)
    csrr t0, scause
    li t1, 2
    bne t0, t1, 2f
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    j 1f
2:  li t1, 8
    bne t0, t1, exited
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    li t1, 93
    beq a7, t1, exited
    li t1, 64
    bne a7, t1, 1f
    li t1, 0x10000000
    sb a0, 0(t1)
1:  ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld a0, 24(sp)
    addi sp, sp, 256
    csrrw sp, sscratch, sp
    sret
ends handler
function exited
    wfi
    j exited
ends exited
function panic
    wfi
    j panic
ends panic
    .section .text.user,"ax"
    .balign 4096
    .globl program
    .type program,@function
program:
    addi sp, sp, -16
    sd ra, 8(sp)
3:  wfi
    j 3b
    li a7, 64
    ecall
    li a7, 93
    ecall
1:  j 1b
    .size program, .-program
    .balign 4096

    .section .bss.user,"aw",@nobits
    .balign 4096
user_stack: .space 4096
user_stack_top:
