# expect: trap
# flags: --smp 2
# words: on hart; load access fault; second
# why: The hart that the kernel starts loads from address 0 before it sets stvec, and traps for ever, while the first one rests.
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
    ld t0, 0(zero)
    rest_here
ends second
zeroed table, 1024
