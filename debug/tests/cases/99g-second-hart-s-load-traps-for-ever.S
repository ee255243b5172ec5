# expect: trap
# words: on hart [01]: load access fault: .* returns to it each time, and it traps again
# flags: --smp 2
# why: The second hart loads from address 0; its handler takes each trap for a tick, and returns to the load, which traps again. The first hart rests.
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
    ld t1, 0(zero)
    rest_here
ends second
function tick
    la t2, count
    ld t3, 0(t2)
    addi t3, t3, 1
    sd t3, 0(t2)
    sret
ends tick
zeroed count, 8
