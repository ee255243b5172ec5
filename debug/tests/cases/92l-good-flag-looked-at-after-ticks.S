# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: A tick of another hart tells the time, and nothing of what that tick interrupted. Nobody concludes anything from the flag, which is looked at once.
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
    la s1, ticks
    li s3, 5
    ld s2, 0(s1)
1:  ld t1, 0(s1)
    beq t1, s2, 1b
    mv s2, t1
    addi s3, s3, -1
    bnez s3, 1b
    la t0, done
    lb t1, 0(t0)
    addi a0, t1, '0'
    sbi SBI_DBCN, 2
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    timer_in 1000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    li t2, 20000
1:  addi t2, t2, -1
    bnez t2, 1b
    la t0, done
    li t1, 1
    sb t1, 0(t0)
    rest_here
ends second
function handler
    la s4, ticks
    ld s5, 0(s4)
    addi s5, s5, 1
    sd s5, 0(s4)
    li s6, 10
    bgeu s5, s6, 1f
    timer_in 1000
    sret
1:  li a0, -1
    sbi SBI_TIME
    sret
ends handler
zeroed ticks, 8
zeroed done, 8
