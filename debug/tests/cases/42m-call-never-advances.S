# expect: trap
# words: call from U-mode ; again, for ever
# flags: --timeout 10
# why: The kernel does not add 4 to sepc: the program's call to print is made again for ever.
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
    save_program
    do_call
    return_to_program
exited:
    rest_here
ends handler
program_here
    li a0, '*'
    li a7, 64
    ecall
    li a7, 93
    ecall
ends_program
zeroed table, 64
