# expect: idle
# words: panic
# why: The fifth tick finds a counter that it holds to be wrong, and panics.
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
    li t0, 5
    beq t0, t1, 1f
    timer_in 100000
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
1:  call kernel_panic
ends handler
function kernel_panic
    csrci sstatus, 2
1:  j 1b
ends kernel_panic
zeroed ticks, 8
