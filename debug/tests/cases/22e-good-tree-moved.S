# expect: pass
# words: -
# why: The device tree is copied into .bss before its place is used for something else.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    mv s1, a1
    clear_bss_here
    la t0, copy
    lw t1, 0(s1)
    lwu t2, 4(s1)
    li t3, 1024
1:  ld t4, 0(s1)
    sd t4, 0(t0)
    addi t0, t0, 8
    addi s1, s1, 8
    addi t3, t3, -1
    bnez t3, 1b
    li t0, 0x87e00000
    li t1, 512
1:  sd zero, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    la t0, copy
    lw t0, 0(t0)
    rest_here
ends main
zeroed copy, 8192
