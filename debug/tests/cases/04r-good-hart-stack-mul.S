# expect: pass
# words: -
# why: xv6: sp = stacks + (hart + 1) * size, and no symbol is called as stacks are.
.include "k.inc"

    .equ SIZE, 8192
boot_here
    la sp, stacks
    li t0, SIZE
    addi t1, a0, 1
    mul t0, t0, t1
    add sp, sp, t0
    mv tp, a0
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 0(sp)
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
    .section .data,"aw"
    .balign 16
    .globl stacks
    .type stacks,@object
    .size stacks, SIZE*4
stacks: .zero SIZE*4
