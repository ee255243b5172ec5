# expect: pass
# words: what was expected: . commands:
# flags: --after $ --input help\n --expect commands:
# why: A shell that polls for input is asked for help, and says what is expected.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s0, 0x10000000
prompt:
    la a0, text
    call say
read:
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, read
    lbu t1, 0(s0)
    li t2, 10
    bne t1, t2, read
    la a0, answer
    call say
    j prompt
ends main
function say
1:  lbu t0, 0(a0)
    beqz t0, 2f
    sb t0, 0(s0)
    addi a0, a0, 1
    j 1b
2:  ret
ends say
    .section .rodata
text: .asciz "$ "
answer: .asciz "commands: help\n"
zeroed table, 1024
