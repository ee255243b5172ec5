# expect: trap
# words: illegal
# why: As 80g; the 30th beat executes an illegal instruction (after 3 s).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    rdtime s0
    li s1, 1000000
    li s2, 30
1:  add s0, s0, s1
2:  rdtime t0
    bltu t0, s0, 2b
    li t0, 0x10000000
    li t1, '.'
    sb t1, 0(t0)
    addi s2, s2, -1
    bnez s2, 1b
    .word 0
ends main
zeroed table, 64
