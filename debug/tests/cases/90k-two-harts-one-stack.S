# expect: stack
# flags: --smp 2
# words: harts \d and \d both use the stack \[__stack_bottom, __stack_top\); work
# why: The second hart sets sp to the same top, and pushes over the frame of the first, which is in use.
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
    call work
    rest_here
ends main
function work
    addi sp, sp, -32
    sd ra, 24(sp)
    sd s0, 16(sp)
    li t0, 100000
1:  addi t0, t0, -1
    bnez t0, 1b
    ld ra, 24(sp)
    ld s0, 16(sp)
    addi sp, sp, 32
    ret
ends work
function second
    la sp, __stack_top
    call work
    rest_here
ends second
zeroed table, 1024
