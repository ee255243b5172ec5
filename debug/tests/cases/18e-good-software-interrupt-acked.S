# expect: pass
# words: -
# why: A software interrupt that the handler acknowledges.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 2
    csrs sie, t0
    csrs sip, t0
    csrsi sstatus, 2
    rest_here
ends main
function handler
    csrci sip, 2
    sret
ends handler
zeroed ticks, 8
