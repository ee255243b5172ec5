# expect: idle
# why: The tick that comes while a program makes its call again panics.
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
    timer_in 100000
    li t0, 32
    csrs sie, t0
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
    sd t0, 8(sp)
    sd t1, 16(sp)
    sd a0, 24(sp)
    sd a1, 32(sp)
    sd a6, 40(sp)
    sd a7, 48(sp)
    csrr t0, scause
    bltz t0, panic
    li t1, 8
    bne t0, t1, panic
    ld t0, ticks
    li t1, 1000000
    bltu t0, t1, back
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
back:
    ld t0, 8(sp)
    ld t1, 16(sp)
    ld a0, 24(sp)
    ld a1, 32(sp)
    ld a6, 40(sp)
    ld a7, 48(sp)
    addi sp, sp, 256
    csrrw sp, sscratch, sp
    sret
tick:
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    timer_in 100000
    j back
ends handler
function panic
    wfi
    j panic
ends panic
    .section .text.user,"ax"
    .balign 4096
    .globl program
    .type program,@function
program:
    li a7, 99
1:  ecall
    j 1b
    .size program, .-program
    .balign 4096
    .section .bss.user,"aw",@nobits
    .balign 4096
user_stack: .space 4096
user_stack_top:
zeroed ticks, 8
