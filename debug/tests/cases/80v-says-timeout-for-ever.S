# expect: idle
# words: again and again ; timeout
# why: The same line, a failure, each second.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
again:
    la t1, text
    li t0, 0x10000000
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  rdtime s0
    li s1, 10000000
    add s0, s0, s1
3:  rdtime s1
    bltu s1, s0, 3b
    j again
found:
    rest_here
ends main
    .section .rodata
text: .asciz "mmc: timeout waiting for card\n"
zeroed table, 64
