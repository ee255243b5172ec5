# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: BSS is clear before the other hart is started.
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
    la t0, ready
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function second
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
zeroed ready, 64
