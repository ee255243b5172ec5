# expect: pass
# words: -
# why: As 47e, but the handler saves all that it uses, and ends by sret.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
1:  wfi
    j 1b
ends boot
function main
    clear_bss_here
    la t0, tick
    csrw stvec, t0
    timer_in 10000
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
1:  wfi
    la t0, ticks
    ld t0, 0(t0)
    li t1, 10
    bltu t0, t1, 1b
    ret
ends main
    .balign 4
function tick
    addi sp, sp, -48
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    timer_in 10000
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 48
    sret
ends tick
zeroed ticks, 8
