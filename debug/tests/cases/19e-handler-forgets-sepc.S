# expect: trap
# words: breakpoint ; again|for ever
# why: The handler of a breakpoint returns to it.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    ebreak
    rest_here
ends main
function handler
    csrw sscratch, t0
    ld t0, count
    addi t0, t0, 1
    sd t0, count, t1
    csrr t0, sscratch
    sret
ends handler
zeroed count, 8
