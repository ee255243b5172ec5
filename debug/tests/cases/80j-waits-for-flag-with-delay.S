# expect: idle
# words: still running
# flags: --timeout 3
# why: It looks every millisecond (by rdtime) for a flag that nobody sets: that is no heartbeat, as nothing is done in between.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la s1, ready
1:  ld t0, 0(s1)
    bnez t0, 3f
    rdtime s0
    li t1, 10000
    add s0, s0, t1
2:  rdtime t0
    bltu t0, s0, 2b
    j 1b
3:  rest_here
ends main
zeroed ready, 64
