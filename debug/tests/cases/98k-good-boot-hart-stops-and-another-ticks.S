# expect: pass
# flags: --smp 2
# words: ticking
# why: The boot hart starts another one and stops itself; the other one waits for its timer again and again.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    sbi SBI_HSM, 1
    rest_here
ends main
function second
    la t0, tick
    csrw stvec, t0
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends second
function tick
    timer_in 100000
    sret
ends tick
zeroed table, 1024
