# expect: idle
# words: panic
# why: A tick every 10 ms; the thousandth panics, after 10 s.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -64
    sd ra, 0(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t0, 1000
    bne t0, t1, 1f
    call panic
1:  timer_in 100000
    ld ra, 0(sp)
    addi sp, sp, 64
    sret
ends handler
function panic
    wfi
    j panic
ends panic

zeroed ticks, 8
