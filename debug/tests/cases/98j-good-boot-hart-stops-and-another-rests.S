# expect: pass
# flags: --smp 2
# words: stopped itself, and hart [01] waits for interrupts
# why: The boot hart starts another one and stops itself; the other one rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    sbi SBI_HSM, 1
    rest_here
ends main
function second
    li t1, 60000000
1:  addi t1, t1, -1
    bnez t1, 1b
    rest_here
ends second
zeroed table, 1024
