# expect: idle
# flags: --smp 3
# words: <flag_b>|<flag_a>|<flag_c>; hart .* waits for
# why: Three harts wait for each other for ever: each for the flag that another one would set behind its own wait.
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
