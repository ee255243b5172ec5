# expect: pass
# on: embedded
# flags: --smp 4 --schedules 60
# why: The holder alone stores to serving, and the others wait for it.
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
    la s4, next
    la s5, serving
    la s6, counter
    li s3, 5
1:  li t0, 1
    amoadd.w t1, t0, (s4)
2:  lw t2, 0(s5)
    bne t1, t2, 2b
    fence r, rw
    ld t3, 0(s6)
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
