# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# words: races
# why: As 99l, with a release before the first of the two stores.
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
    fence r, rw
    la t0, value
    ld t1, 0(t0)
    rest_here
ends main
function second
    li t1, 1
    la t0, value
    sd t1, 0(t0)
    fence rw, w
    la t0, ready
    sd t1, 0(t0)
    li t1, 2
    sd t1, 0(t0)
    rest_here
ends second
zeroed ready, 8
zeroed value, 8
