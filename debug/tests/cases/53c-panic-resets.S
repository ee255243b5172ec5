# expect: idle
# words: reset|panic
# why: The panic prints and resets the machine: it would boot for ever.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la a0, text
    call panic
ends main
function panic
1:  lbu t0, 0(a0)
    beqz t0, 2f
    li t1, 0x10000000
    sb t0, 0(t1)
    addi a0, a0, 1
    j 1b
2:  li a0, 2
    li a1, 1
    sbi SBI_SRST
    rest_here
ends panic
    .section .rodata
text: .asciz "panic: no init\n"
zeroed table, 1024
