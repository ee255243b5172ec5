# expect: pass
# why: sp is at eight places by turns when it waits: nothing is lost.
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
again:
    la t0, ticks
    ld t1, 0(t0)
    andi t1, t1, 7
    slli t1, t1, 6
    sub sp, sp, t1
    sd t1, 0(sp)
    wfi
    ld t1, 0(sp)
    add sp, sp, t1
    j again
ends main
    .balign 4
function handler
    addi sp, sp, -64
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    timer_in 100000
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed ticks, 8
zeroed table, 64
