# expect: trap
# words: illegal instruction
# why: As a boot loader: it polls for a key for half a second, goes on without one, and dies.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s0, 0x10000000
    li t0, '?'
    sb t0, 0(s0)
    rdtime s1
    li t0, 5000000
    add s1, s1, t0
1:  lbu t0, 5(s0)
    andi t0, t0, 1
    bnez t0, 2f
    rdtime t0
    bltu t0, s1, 1b
2:  unimp
ends main
zeroed table, 64
