# expect: idle
# flags: --smp 2
# words: storm on hart; timer
# why: The second hart rests in a wfi, and its handler only masks what does not come; the boot hart ticks and waits.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    la t0, tick
    csrw stvec, t0
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
function tick
    timer_in 100000
    sret
ends tick
function second
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends second
function handler
    li t0, 2
    csrc sie, t0
    sret
ends handler
zeroed table, 1024
