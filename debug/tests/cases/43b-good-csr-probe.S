# expect: pass
# words: -
# why: Probes CSRs that do not exist, under a handler that goes on behind them.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    csrr t0, 0x5ff
    csrr t0, 0x5c0
    rest_here
ends main
function handler
    csrr t1, sepc
    addi t1, t1, 4
    csrw sepc, t1
    sret
ends handler
zeroed table, 1024
