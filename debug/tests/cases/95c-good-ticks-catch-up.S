# expect: pass
# words: ticking
# why: As FreeRTOS: each tick sets the timer 1 ms behind the last one, not behind now. Interrupts were off for 600 ms, so 600 ticks come one behind the other.
.include "k.inc"
.equ TICK, 10000
.macro next_tick
    li t0, TICK
    add s2, s2, t0
    mv a0, s2
    sbi SBI_TIME
.endm
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    rdtime s2
    next_tick
    li t0, 32
    csrs sie, t0
    li t0, 6000000
    add s3, s2, t0
1:  rdtime t0
    bltu t0, s3, 1b
    csrsi sstatus, 2
    rest_here
ends main
function handler
    next_tick
    sret
ends handler
zeroed table, 64
