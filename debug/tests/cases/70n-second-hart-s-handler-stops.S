# expect: trap
# flags: --smp 2
# words: on hart; handler
# why: The handler of the second hart stops it, while the first one rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    xori a0, a0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    ld t0, 0(zero)
    rest_here
ends second
function handler
1:  wfi
    j 1b
ends handler
zeroed table, 1024
