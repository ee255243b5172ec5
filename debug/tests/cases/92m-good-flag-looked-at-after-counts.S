# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: Another hart counts its rounds. What it stored many rounds before the one that is waited for, that one does not tell.
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
    la s1, rounds
    li s2, 200
1:  ld t1, 0(s1)
    bltu t1, s2, 1b
    la t0, done
    lb t1, 0(t0)
    addi a0, t1, '0'
    sbi SBI_DBCN, 2
    rest_here
ends main
function second
    la t0, rounds
    li t1, 0
    li t2, 20
1:  li t3, 50
2:  addi t3, t3, -1
    bnez t3, 2b
    addi t1, t1, 1
    sd t1, 0(t0)
    bne t1, t2, 1b
    la t3, done
    sb t2, 0(t3)
    j 1b
ends second
zeroed rounds, 8
zeroed done, 8
