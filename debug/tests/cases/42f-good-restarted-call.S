# expect: pass
# why: A shell in U-mode asks for a key by a call, which the kernel lets it make again where there is none.
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
    bne t0, t1, panic
    li t1, 63
    bne a7, t1, 2f
    li t1, 0x10000000
    lbu t0, 5(t1)
    andi t0, t0, 1
    beqz t0, 1f
    lbu a0, 0(t1)
2:  go_on_behind
    do_call
1:  return_to_program
ends handler
waits_for_ever exited
waits_for_ever panic
program_here
    addi sp, sp, -16
    sd ra, 8(sp)
    li a0, 'u'
    li a7, 64
    ecall
1:  li a7, 63
    ecall
    j 1b
ends_program
