# expect: races
# on: embedded
# flags: --smp 4 --schedules 200
# words: loads counter; waited for lock
# why: The lock is taken and released, but orders nothing.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 4, worker
    j working
ends main
function worker
working:
    la s4, lock
    la s5, counter
    li s3, 5
1:  li t0, 1
2:  amoswap.w t1, t0, (s4)
    bnez t1, 2b
    ld t2, 0(s5)
    addi t2, t2, 1
    sd t2, 0(s5)
    sw zero, 0(s4)
    addi s3, s3, -1
    bnez s3, 1b
    rest_here
ends worker
zeroed lock, 8
zeroed counter, 8
