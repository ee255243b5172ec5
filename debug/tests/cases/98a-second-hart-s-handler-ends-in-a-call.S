# expect: trap
# flags: --smp 2
# words: on hart; load access fault; handler.*never returned
# why: The last instruction of the second hart's handler calls a function that never returns: ra is behind the handler's end.
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
    csrr a0, scause
    csrr a1, sepc
    call halt
ends handler
function halt
1:  wfi
    j 1b
ends halt
zeroed table, 1024
