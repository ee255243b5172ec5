# expect: pass
# words: -
# why: Waits by the cycle counter.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    rdcycle t0
    li t1, 1000000
    add t1, t1, t0
1:  rdcycle t0
    bltu t0, t1, 1b
    rest_here
ends main
zeroed table, 1024
