# expect: pass
# words: -
# why: A program executes wfi, which traps in U-mode; the kernel ends it and idles.
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
    bne t0, t1, exited
    go_on_behind
    do_call
1:  return_to_program
ends handler
waits_for_ever exited
waits_for_ever panic
program_here
    addi sp, sp, -16
    sd ra, 8(sp)
    wfi
    li a7, 64
    ecall
    li a7, 93
    ecall
1:  j 1b
ends_program
