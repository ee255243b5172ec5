# expect: pass
# words: -
# why: two ranges, each cleared
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, __sbss
    la t1, __sbss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  ld t0, small
    rest_here
ends main
zeroed table, 1024
    .section .sbss,"aw",@nobits
    .globl small
    .type small,@object
    .size small, 8
    .balign 8
small: .space 8
