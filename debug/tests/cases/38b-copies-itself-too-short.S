# expect: trap
# words: illegal; c.unimp|zeros|0x0
# why: As 38a, but the copy is shorter than the code: where it ends there are zeros.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, work
    la t1, work_end
    addi t1, t1, -16
    li t2, 0x80800000
    mv t3, t2
1:  lw t4, 0(t0)
    sw t4, 0(t2)
    addi t0, t0, 4
    addi t2, t2, 4
    bltu t0, t1, 1b
    fence.i
    jr t3
ends main
function work
    .option push
    .option norvc
    .rept 16
    addi a0, a0, 1
    .endr
    wfi
    j work
    .option pop
work_end:
ends work
zeroed table, 1024
