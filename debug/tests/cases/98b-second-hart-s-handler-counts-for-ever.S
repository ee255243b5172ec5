# expect: trap
# flags: --smp 2
# words: on hart; load access fault; handler.*never returned
# why: The second hart's handler counts in a register for ever: each look at it finds other registers.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    ld t0, 0(zero)
    rest_here
ends second
function handler
    addi t1, t1, 1
    xor t2, t2, t1
    j handler
ends handler
zeroed table, 1024
