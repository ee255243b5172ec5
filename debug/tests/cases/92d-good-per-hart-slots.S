# expect: pass
# on: embedded
# flags: --smp 4 --schedules 200
# why: Each hart has a byte of its own, in the same word.
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
    la t0, arrived
    li t1, 1
    amoadd.w t1, t1, (t0)
    la t0, slots
    add t0, t0, t1
    li t2, 50
1:  lbu t3, 0(t0)
    addi t3, t3, 1
    sb t3, 0(t0)
    addi t2, t2, -1
    bnez t2, 1b
    rest_here
ends worker
zeroed arrived, 4, 4
zeroed slots, 8
