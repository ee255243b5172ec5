# expect: pass
# flags: --smp 2
# why: The second hart loads from address 0, its handler skips each load that traps; the second hart does so for ever, as a prober of memory may.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 2, second
    rest_here
ends main
function second
    la t0, tick
    csrw stvec, t0
1:  .option push
    .option norvc
    ld t1, 0(zero)
    .option pop
    j 1b
ends second
function tick
    la t2, count
    csrr t4, sepc
    addi t4, t4, 4
    csrw sepc, t4
    ld t3, 0(t2)
    addi t3, t3, 1
    sd t3, 0(t2)
    sret
ends tick
zeroed count, 8
