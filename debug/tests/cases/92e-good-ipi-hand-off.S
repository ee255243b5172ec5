# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: The interrupt comes after the store.
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
    la t0, up
1:  ld t1, 0(t0)
    beqz t1, 1b
    la t0, value
    li t1, 7
    sd t1, 0(t0)
    li a0, 1
    xori a1, s0, 1
    sbi SBI_IPI
    rest_here
ends main
function second
    csrwi sie, 2
    la t0, up
    li t1, 1
    sd t1, 0(t0)
1:  wfi
    csrr t0, sip
    andi t0, t0, 2
    beqz t0, 1b
    csrci sip, 2
    la t0, value
    ld t1, 0(t0)
    li t2, 7
    beq t1, t2, 2f
    ebreak
2:
    rest_here
ends second
zeroed up, 8
zeroed value, 8
