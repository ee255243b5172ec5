# expect: pass
# why: It gives up after twenty looks and rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li s4, 20
again:
    li t0, 0x10001000
    lw t1, 8(t0)
    la t1, text
    li t0, 0x10000000
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  rdtime s0
    li s1, 1000000
    add s0, s0, s1
3:  rdtime s1
    bltu s1, s0, 3b
    addi s4, s4, -1
    bnez s4, again
    rest_here
ends main
    .section .rodata
text: .asciz "no disk, retrying\n"
zeroed table, 64
