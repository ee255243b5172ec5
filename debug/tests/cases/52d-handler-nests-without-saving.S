# expect: trap|idle
# words: handler|interrupt
# why: The handler lets interrupts in again at once, with the timer still pending: it interrupts itself for ever, and the stack runs out.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 1000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    csrrw sp, sscratch, sp
    csrrw sp, sscratch, sp
    csrsi sstatus, 2
    nop
    nop
    sret
ends handler
zeroed table, 1024
