# expect: trap
# words: handler
# why: The handler does not change to the kernel's stack; the program's sp is 0 by then, so the handler faults in itself.
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
    .balign 4
function handler
    addi sp, sp, -64
    sd t0, 0(sp)
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld t0, 0(sp)
    addi sp, sp, 64
    sret
ends handler
program_here
    li sp, 0
    li a7, 64
    ecall
    j program
ends_program
zeroed table, 64
