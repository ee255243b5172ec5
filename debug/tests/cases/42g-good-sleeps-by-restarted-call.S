# expect: pass
# why: A program sleeps by a call, which the kernel lets it make again until enough ticks have come.
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
    bltz t0, tick
    li t1, 8
    bne t0, t1, panic
    ld t0, ticks
    li t1, 1000000
    bltu t0, t1, back
    go_on_behind
back:
    return_to_program
tick:
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    timer_in 100000
    j back
ends handler
waits_for_ever panic
program_here
    li a7, 99
1:  ecall
    j 1b
ends_program
zeroed ticks, 8
