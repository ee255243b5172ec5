# expect: pass
# words: polls for input
# why: It counts through 5,000 instructions between two looks at the UART.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li s0, 0x10000000
    li t0, '>'
    sb t0, 0(s0)
again:
    li t1, 2500
1:  addi t1, t1, -1
    bnez t1, 1b
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, again
    lbu t0, 0(s0)
    sb t0, 0(s0)
    j again
ends boot
zeroed table, 64
