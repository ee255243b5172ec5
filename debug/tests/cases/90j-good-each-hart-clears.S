# expect: pass
# flags: --smp 2
# why: Each hart clears BSS, which is wasteful; but what the first stores there, it stores when the second has told through .data that it is done.
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
    la a2, second_stack_top
    sbi SBI_HSM, 0
    la t0, ready
1:  ld t1, 0(t0)
    beqz t1, 1b
    fence
    la t0, magic
    li t1, 77
    sd t1, 0(t0)
    ld t1, 0(t0)
    rest_here
ends main
function second
    mv sp, a1
    clear_bss_here
    fence
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
    .section .data
    .balign 16
second_stack: .space 4096
second_stack_top:
initialised ready, 0, x
zeroed magic, 64
zeroed table, 64
