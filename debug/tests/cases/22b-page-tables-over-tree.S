# expect: handoff|idle
# words: device tree
# why: early page tables at a fixed address, over the tree
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    mv s1, a1
    clear_bss_here
    li t0, 0x87e00000
    li t1, 512
1:  sd zero, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    lw t0, 0(s1)
    li t1, 0xedfe0dd0
    sext.w t1, t1
    bne t0, t1, 2f
    rest_here
2:  j 2b
ends main
zeroed table, 1024
