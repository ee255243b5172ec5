# expect: pass
# why: The call is made again a hundred times, because a buffer is full; then it is done.
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
    la t0, tries
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t0, 100
    bltu t1, t0, 1f
    go_on_behind
    do_call
1:  return_to_program
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
zeroed tries, 8
