# expect: pass
# on: qemu
# flags: --smp 4
# why: Four harts contend for a ticket lock, each 1000 times, and hold it for some thousand instructions; then all rest.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 4, worker
    j worker
ends main
function worker
    la s4, next
    la s5, serving
    la s6, counter
    li s3, 1000
1:  li t0, 1
    amoadd.w t1, t0, (s4)
2:  lw t2, 0(s5)
    fence r, rw
    bne t1, t2, 2b
    ld t3, 0(s6)
    li t4, 500
3:  addi t4, t4, -1
    bnez t4, 3b
    addi t3, t3, 1
    sd t3, 0(s6)
    addi t2, t2, 1
    fence rw, w
    sw t2, 0(s5)
    addi s3, s3, -1
    bnez s3, 1b
    rest_here
ends worker
zeroed next, 4, 4
zeroed serving, 4, 4
zeroed counter, 8
