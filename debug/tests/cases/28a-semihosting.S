# expect: trap
# words: semihosting
# why: A semihosting call, which nobody answers.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li a0, 4
    la a1, text
    .option push
    .option norvc
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    rest_here
ends main
    .section .rodata
text: .asciz "hi"
zeroed table, 1024
