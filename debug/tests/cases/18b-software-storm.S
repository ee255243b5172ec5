# expect: idle
# words: software interrupt
# why: a software interrupt that nobody acknowledges
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 2
    csrs sie, t0
    csrs sip, t0
    csrsi sstatus, 2
    rest_here
ends main
function handler
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed ticks, 8
