# expect: pass
# flags: --smp 2
# why: The boot hart starts the other by HSM; it takes its own stack, says so in .bss, and both rest.
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
    rest_here
ends main
function second
    mv sp, a1
    addi sp, sp, -16
    sd a0, 0(sp)
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
zeroed ready, 64
zeroed second_stack, 4096, 16
second_stack_top:
