# expect: pass
# words: -
# why: A shell that polls with the debug console, or with the legacy call where there is none.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
1:  li a0, 1
    la a1, buffer
    li a2, 0
    li a7, 0x4442434e
    li a6, 1
    ecall
    bnez a0, 2f
    beqz a1, 1b
    j 1b
2:  li a7, 2
    ecall
    bltz a0, 2b
    j 2b
ends main
zeroed buffer, 64
