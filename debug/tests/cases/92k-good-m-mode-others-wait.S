# expect: pass
# on: embedded
# ld: 60a-good-m-mode.ld
# flags: --bios none --smp 3 --schedules 200
# why: All harts begin together; those that are not hart 0 wait for a word in .data until BSS is clear.
.include "k.inc"
boot_here
    csrr t0, mhartid
    bnez t0, wait
    la sp, __stack_top
    j main
wait:
    la t0, go
1:  lw t1, 0(t0)
    beqz t1, 1b
    fence r, rw
    j work
ends boot
function main
    clear_bss_here
    la t0, go
    li t1, 1
    fence rw, w
    sw t1, 0(t0)
    j work
ends main
function work
    la t0, arrived
    ld t1, 8(t0)
    li t1, 1
    amoadd.d zero, t1, (t0)
    rest_here
ends work
zeroed arrived, 16
initialised go, 0, go
