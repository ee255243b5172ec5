# expect: pass
# on: embedded
# flags: --smp 2 --schedules 200
# why: What a pointer leads to is loaded after the pointer, with no fence.
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
    la t0, pointer
1:  ld t1, 0(t0)
    beqz t1, 1b
    ld t2, 0(t1)
    ld t3, 8(t1)
    rest_here
ends main
function second
    la t0, object
    li t1, 7
    sd t1, 0(t0)
    sd t1, 8(t0)
    la t2, pointer
    fence rw, w
    sd t0, 0(t2)
    rest_here
ends second
zeroed pointer, 8
zeroed object, 16
