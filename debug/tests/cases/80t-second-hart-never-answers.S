# expect: idle
# flags: --smp 2
# words: answered
# why: It starts hart 7, which does not exist, ignores the error, and waits for it for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li a0, 7
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    la t0, answered
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function second
    rest_here
ends second
zeroed answered, 64
