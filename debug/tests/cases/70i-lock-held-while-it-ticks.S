# expect: idle
# words: lock
# why: As 70b with a tick: the second lock waits for ever, and the timer's handler, the only one that is enabled, does not release it.
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
    li t0, 0x20
    csrw sie, t0
    csrsi sstatus, 2
    la t0, lock
    li t1, 1
    sw t1, 0(t0)
1:  amoswap.w.aq t2, t1, (t0)
    bnez t2, 1b
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -48
    sd a0, 0(sp)
    sd a1, 8(sp)
    sd a6, 16(sp)
    sd a7, 24(sp)
    timer_in 100000
    ld a0, 0(sp)
    ld a1, 8(sp)
    ld a6, 16(sp)
    ld a7, 24(sp)
    addi sp, sp, 48
    sret
ends handler
zeroed lock, 64
