# expect: pass
# on: embedded
# flags: --smp 4 --schedules 200
# why: The store fails where another hart came in between.
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
    la t0, ticket
1:  lr.d t1, (t0)
    bnez t1, 2f
    li t2, 1
    sc.d t3, t2, (t0)
    bnez t3, 1b
2:
    rest_here
ends worker
zeroed ticket, 8
