# expect: idle
# words: login:
# flags: --after login: --input root
# why: The text after which to type never comes.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li s0, 0x10000000
    la a0, hello
    call say
again:
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, again
    lbu t0, 0(s0)
    sb t0, 0(s0)
    li t1, 10
    beq t0, t1, done
    li t1, 13
    bne t0, t1, again
done:
    la a0, answer
    call say
    j again
ends main
function say
    li t0, 0x10000000
1:  lbu t1, 0(a0)
    beqz t1, 2f
    sb t1, 0(t0)
    addi a0, a0, 1
    j 1b
2:  ret
ends say
    .section .rodata
hello: .asciz "kernel 1.0\n$ "
answer: .asciz "\nERROR 7: unknown\n$ "
zeroed table, 64
