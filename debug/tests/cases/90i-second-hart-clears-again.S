# expect: bss
# flags: --smp 2
# words: magic; 0x4d; hart [01] .*cleared BSS a second time
# why: The second hart runs the same start code and clears BSS again, the boot hart's values included; the boot hart reads what it lost.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    la t0, magic
    li t1, 77
    sd t1, 0(t0)
    xori a0, s0, 1
    la a1, second
    la a2, second_stack_top
    sbi SBI_HSM, 0
    la t0, ready
1:  ld t1, 0(t0)
    beqz t1, 1b
    la t0, magic
    ld t1, 0(t0)
    rest_here
ends main
function second
    mv sp, a1
    clear_bss_here
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
    .section .data
second_stack: .space 4096
second_stack_top:
zeroed ready, 64
zeroed magic, 64
