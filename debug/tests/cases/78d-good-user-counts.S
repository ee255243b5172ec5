# expect: pass
# words: tick
# why: A user program counts in its memory for ever, the kernel ticks every 10 ms: the kernel has done its part.
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
    .balign 4
function handler
    save_program
    timer_in 100000
    return_to_program
ends handler
program_here
    la t0, user_stack
1:  ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    j 1b
ends_program
