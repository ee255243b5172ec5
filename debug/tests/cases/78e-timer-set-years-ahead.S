# expect: idle
# words: ticks; the timer is set to a point in time in [0-9]+ years
# why: set_timer takes ticks of time (SBI, "Timer Extension"). This value has them in its upper half, and the tick that is waited for never comes.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function handler
    la t0, ticks
    li t1, 1
    sd t1, 0(t0)
    li a0, -1
    sbi SBI_TIME
    sret
ends handler
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    rdtime a0
    li t0, 100000
    add a0, a0, t0
    slli a0, a0, 40
    sbi SBI_TIME
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    la s0, ticks
1:  ld t0, 0(s0)
    beqz t0, 1b
    rest_here
ends main
zeroed ticks, 8
