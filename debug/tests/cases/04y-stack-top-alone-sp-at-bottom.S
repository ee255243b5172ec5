# expect: stack
# flags: --stack-top early_stack_top
# words: early_stack
# why: Only the top is named; the bottom is the symbol below it, and the kernel sets sp there.
.include "k.inc"
boot_here
    la sp, early_stack
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
    .globl early_stack
early_stack: .zero 8192
    .globl early_stack_top
early_stack_top:
