# expect: pass
# flags: --smp 2
# why: Each hart has its slot of one region of stacks, from below. The first shows the second a variable in its frame, which the second sets.
.include "k.inc"
boot_here
    la sp, __stack_bottom
    addi t0, a0, 1
    slli t0, t0, 14
    add sp, sp, t0
    j main
ends boot
function main
    clear_bss_here
    addi sp, sp, -32
    sd ra, 24(sp)
    sd zero, 8(sp)
    xori a0, a0, 1
    la a1, second
    addi a2, sp, 8
    sbi SBI_HSM, 0
1:  ld t1, 8(sp)
    beqz t1, 1b
    rest_here
ends main
function second
    la sp, __stack_bottom
    addi t0, a0, 1
    slli t0, t0, 14
    add sp, sp, t0
    addi sp, sp, -32
    sd ra, 24(sp)
    sd a1, 8(sp)
    li t1, 1
    sd t1, 0(a1)
    rest_here
ends second
zeroed table, 1024
