# expect: pass
# flags: --smp 4
# why: The harts that are not needed park on one stack: each pushes there, and none returns, so that nothing is read back. Each of the others has its slot.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 4, second
    rest_here
ends main
function park
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends park
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
    la sp, others_stack
    li t0, 3
    bgeu a0, t0, 2f
    mv t1, a0
1:  addi sp, sp, 1024
    addi t1, t1, -1
    bgtz t1, 1b
    mv s0, a0
    call work
2:  la sp, others_stack + 4096
    call park
    rest_here
ends second
zeroed others_stack, 4096, 16
