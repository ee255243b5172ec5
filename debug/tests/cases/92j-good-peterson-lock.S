# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: A lock of loads, stores and fences alone.
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
    li s8, 0
    j locked
ends main
function second
    li s8, 1
locked:
    la s1, interested
    la s2, turn
    la s3, counter
    xori s9, s8, 1
    slli t0, s8, 3
    add s4, s1, t0
    slli t0, s9, 3
    add s5, s1, t0
    li s6, 10
1:  li t0, 1
    sd t0, 0(s4)
    fence rw, rw
    sd s9, 0(s2)
    fence rw, rw
2:  ld t0, 0(s5)
    beqz t0, 3f
    ld t0, 0(s2)
    beq t0, s9, 2b
3:  fence rw, rw
    ld t0, 0(s3)
    addi t0, t0, 1
    sd t0, 0(s3)
    fence rw, w
    sd zero, 0(s4)
    addi s6, s6, -1
    bnez s6, 1b
    rest_here
ends second
zeroed interested, 16
zeroed turn, 8
zeroed counter, 8
