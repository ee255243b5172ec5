# expect: idle
# words: hart [01] is in its panic handler, kernel_panic
# flags: --smp 2
# why: The second hart panics without a word and waits; the boot hart rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    li t0, 1000000
1:  addi t0, t0, -1
    bnez t0, 1b
    rest_here
ends main
function second
    la t0, magic
    ld t1, 0(t0)
    li t2, 42
    beq t1, t2, 1f
    call kernel_panic
1:  rest_here
ends second
function kernel_panic
1:  wfi
    j 1b
ends kernel_panic
zeroed magic, 8
