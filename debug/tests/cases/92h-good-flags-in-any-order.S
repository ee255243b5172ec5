# expect: pass
# on: embedded
# flags: --smp 3 --schedules 200
# why: Flags are waited for with no fence between them, and one fence is behind all.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 3, worker
    la s1, flags
    lb s2, 2(s1)
1:  lb t1, 1(s1)
    beqz t1, 1b
2:  lb t1, 0(s1)
    beqz t1, 2b
    fence r, rw
    la t0, values
    ld t1, 0(t0)
    ld t2, 8(t0)
    rest_here
ends main
function worker
    la t0, turn
    li t1, 1
    amoadd.w t2, t1, (t0)
    la s1, flags
    beqz t2, 2f
    # The second one tells when the first has told.
1:  lb t1, 0(s1)
    beqz t1, 1b
2:  la t0, values
    sll t1, t2, 3
    add t0, t0, t1
    sd s1, 0(t0)
    add s1, s1, t2
    li t1, 1
    fence rw, w
    sb t1, 0(s1)
    rest_here
ends worker
zeroed turn, 4, 4
zeroed flags, 8
zeroed values, 16
