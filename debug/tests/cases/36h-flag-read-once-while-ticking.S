# expect: idle
# words: waits for ever for a value in a4; volatile
# why: As 36g, and the tick comes again and again; it only counts. Each round copies the register.
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
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
    la t0, ticks
    ld a4, 0(t0)
1:  mv a5, a4
    beqz a5, 1b
    rest_here
ends main
    .balign 4
function handler
    csrw sscratch, t0
    la t0, ticks
    sd sp, 0(t0)
    addi sp, sp, -48
    sd t1, 0(sp)
    sd a0, 8(sp)
    sd a7, 16(sp)
    sd a6, 24(sp)
    sd a1, 32(sp)
    timer_in 100000
    ld t1, 0(sp)
    ld a0, 8(sp)
    ld a7, 16(sp)
    ld a6, 24(sp)
    ld a1, 32(sp)
    addi sp, sp, 48
    csrr t0, sscratch
    sret
ends handler
zeroed ticks, 8
