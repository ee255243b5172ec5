# expect: pass
# words: -
# why: A program faults and is killed, and the next one runs.
.include "k.inc"
.include "user.inc"

boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    enter_program
ends main
function handler
    save_program
    csrr t0, scause
    li t1, 8
    bne t0, t1, kill
    go_on_behind
    do_call
1:  return_to_program
ends handler
waits_for_ever exited
waits_for_ever panic
program_here
    addi sp, sp, -16
    sd ra, 8(sp)
    ld a0, 0(zero)
    li a7, 64
    ecall
    li a7, 93
    ecall
1:  j 1b
ends_program

function kill
    la t0, program2
    csrw sepc, t0
    csrrw sp, sscratch, sp
    la sp, user_stack_top
    sret
ends kill
    .section .text.user,"ax"
program2:
    li a7, 93
    ecall
1:  j 1b
