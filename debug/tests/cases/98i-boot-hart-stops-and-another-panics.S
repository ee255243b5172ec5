# expect: idle
# flags: --smp 2
# words: kernel_panic
# why: The boot hart starts another one and stops itself; the other one computes for a while and panics.
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
    call kernel_panic
ends second
function kernel_panic
1:  wfi
    j 1b
ends kernel_panic
zeroed table, 1024
