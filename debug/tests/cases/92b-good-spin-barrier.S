# expect: pass
# on: embedded
# flags: --smp 4 --schedules 50
# why: The last one to arrive lets the others go on; each then reads what all have stored before.
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
    la s2, slots
    la s4, arrived
    la s5, round
    li s3, 3
    li t0, 1
    amoadd.w t1, t0, (s4)
    sll t2, t1, 3
    add s6, s2, t2
    j 3f
1:  li t0, 1
    amoadd.w t1, t0, (s4)
3:  ld t2, 0(s6)
    add t2, t2, s3
    sd t2, 0(s6)
    lw s7, 0(s5)
    la t3, waiting
    li t0, 1
    amoadd.w.aqrl t1, t0, (t3)
    li t0, 3
    bne t1, t0, 4f
    sw zero, 0(t3)
    addi t1, s7, 1
    fence rw, w
    sw t1, 0(s5)
    j 5f
4:  lw t1, 0(s5)
    beq t1, s7, 4b
    fence r, rw
5:  ld t1, 0(s2)
    ld t2, 8(s2)
    ld t3, 16(s2)
    ld t4, 24(s2)
    addi s3, s3, -1
    fence rw, rw
    la t3, read
    li t0, 1
    amoadd.w t1, t0, (t3)
    andi t2, t1, -4
    addi t2, t2, 4
6:  lw t1, 0(t3)
    bltu t1, t2, 6b
    fence rw, rw
    bnez s3, 1b
    rest_here
ends worker
zeroed slots, 32
zeroed arrived, 4, 4
zeroed waiting, 4, 4
zeroed round, 4, 4
zeroed read, 4, 4
