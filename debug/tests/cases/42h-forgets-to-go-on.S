# expect: trap
# words: environment call from U-mode; for ever
# why: The handler of a program's call forgets to go on behind it: the same call is made for ever.
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
    li t1, 93
    beq a7, t1, exited
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
