# expect: pass
# flags: --smp 3
# why: Each of three harts waits for the flag of another one, and the last sets its own before it waits, after a while.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 3, other
    la s2, flag_b
    la s3, flag_a
    j wait
ends main
# The first of the others waits for C and sets B, the second for A and sets C.
function other
    la t0, next
    li t1, 1
    amoadd.w.aqrl t2, t1, (t0)
    la s2, flag_c
    la s3, flag_b
    beqz t2, wait
    la s2, flag_a
    la s3, flag_c
    li t3, 10000000
1:  addi t3, t3, -1
    bnez t3, 1b
    li t1, 1
    fence rw, w
    sd t1, 0(s3)
    j wait
ends other
function wait
1:  ld t1, 0(s2)
    fence r, rw
    beqz t1, 1b
    li t1, 1
    fence rw, w
    sd t1, 0(s3)
    rest_here
ends wait
zeroed next, 4, 8
zeroed flag_a, 8
zeroed flag_b, 8
zeroed flag_c, 8
