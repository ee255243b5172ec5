# expect: idle
# why: The tick that comes while a program makes its call again panics.
.include "k.inc"
.include "user.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    timer_in 100000
    li t0, 32
    csrs sie, t0
    enter_program
ends main
function handler
    save_program
    csrr t0, scause
    bltz t0, panic
    li t1, 8
    bne t0, t1, panic
    ld t0, ticks
    li t1, 1000000
    bltu t0, t1, back
    go_on_behind
back:
    return_to_program
ends handler
waits_for_ever panic
program_here
    li a7, 99
1:  ecall
    j 1b
ends_program
zeroed ticks, 8
