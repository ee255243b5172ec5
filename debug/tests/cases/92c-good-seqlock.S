# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: The reader takes what it has read only where the number before is the number behind.
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
    la s1, number
    li s3, 20
1:  lw t1, 0(s1)
    andi t2, t1, 1
    bnez t2, 1b
    fence r, r
    ld t3, 8(s1)
    ld t4, 16(s1)
    fence r, r
    lw t2, 0(s1)
    bne t1, t2, 1b
    beq t3, t4, 2f
    ebreak
2:  addi s3, s3, -1
    bnez s3, 1b
    rest_here
ends main
function second
    la s1, number
    li s3, 20
1:  lw t1, 0(s1)
    addi t1, t1, 1
    sw t1, 0(s1)
    fence w, w
    sd s3, 8(s1)
    sd s3, 16(s1)
    fence w, w
    addi t1, t1, 1
    sw t1, 0(s1)
    addi s3, s3, -1
    bnez s3, 1b
    rest_here
ends second
zeroed number, 24
