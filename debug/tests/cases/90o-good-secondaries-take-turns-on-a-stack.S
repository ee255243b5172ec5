# expect: pass
# flags: --smp 3
# why: Two others have one stack, which each uses only while it has the lock, so nothing of one is left there when the other pushes.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 3, second
    rest_here
ends main
function work
    addi sp, sp, -32
    sd ra, 24(sp)
    sd s0, 16(sp)
    li t0, 1000
1:  addi t0, t0, -1
    bnez t0, 1b
    ld ra, 24(sp)
    ld s0, 16(sp)
    addi sp, sp, 32
    ret
ends work
function second
    mv s0, a0
    li s1, 20
    la s2, lock
    la sp, others_stack + 4096
1:  li t0, 1
    amoswap.w.aq t0, t0, (s2)
    bnez t0, 1b
    call work
    amoswap.w.rl zero, zero, (s2)
    addi s1, s1, -1
    bnez s1, 1b
    rest_here
ends second
initialised lock, 0, lock
zeroed others_stack, 4096, 16
