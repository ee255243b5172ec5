# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: Each counter is right by itself, and nobody concludes from one to another.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    li s3, 30
1:  la t0, ticks
    ld s4, 8(t0)
    ld s5, 0(t0)
    andi a0, s4, 63
    addi a0, a0, 64
    sbi SBI_DBCN, 2
    andi a0, s5, 63
    addi a0, a0, 64
    sbi SBI_DBCN, 2
    addi s3, s3, -1
    bnez s3, 1b
    rest_here
ends main
function second
    la t0, ticks
    li t2, 300
1:  ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ld t1, 8(t0)
    addi t1, t1, 1
    sd t1, 8(t0)
    addi t2, t2, -1
    bnez t2, 1b
    rest_here
ends second
zeroed ticks, 16
