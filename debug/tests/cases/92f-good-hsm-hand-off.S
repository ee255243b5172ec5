# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: What was stored before a hart is started, it sees; and what it stored before it stopped is seen by who asks.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    la t0, value
    li t1, 5
    sd t1, 0(t0)
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
1:  xori a0, s0, 1
    sbi SBI_HSM, 2
    li t1, 1
    bne a1, t1, 1b
    la t0, value
    ld t1, 0(t0)
    li t2, 6
    beq t1, t2, 2f
    ebreak
2:
    rest_here
ends main
function second
    la t0, value
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    sbi SBI_HSM, 1
    rest_here
ends second
zeroed value, 8
