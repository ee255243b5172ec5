# expect: pass
# why: On for 250 ms, off for 750 ms: two waits in two places, a word in memory for the lamp.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la s1, lamp
1:  li t0, 1
    sw t0, 0(s1)
    rdtime s0
    li t1, 2500000
    add s0, s0, t1
2:  rdtime t0
    bltu t0, s0, 2b
    sw zero, 0(s1)
    rdtime s0
    li t1, 7500000
    add s0, s0, t1
3:  rdtime t0
    bltu t0, s0, 3b
    j 1b
ends main
zeroed lamp, 64
