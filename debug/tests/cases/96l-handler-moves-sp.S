# expect: trap
# words: timer interrupt; sp = ; main uses it; give back
# why: The handler gives back 16 bytes less of the stack than it took: main finds other values in its frame.
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
    addi sp, sp, -32
    li t0, 7
    sd t0, 8(sp)
    li s2, 500000
1:  ld t0, 8(sp)
    sd t0, 0(sp)
    addi s2, s2, -1
    bnez s2, 1b
    addi sp, sp, 32
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -64
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    timer_in 100000
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 48
    sret
ends handler
zeroed ticks, 8
