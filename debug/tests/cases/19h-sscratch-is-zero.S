# expect: trap
# words: sscratch was 0
# why: The handler swaps sp with sscratch, as for a trap from U-mode. In the kernel sscratch is 0, and the second trap finds the first one's sp there.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    csrw sscratch, zero
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    csrrw sp, sscratch, sp
    addi sp, sp, -272
    sd ra, 8(sp)
    sd t0, 16(sp)
    call tick
    ld ra, 8(sp)
    ld t0, 16(sp)
    addi sp, sp, 272
    csrrw sp, sscratch, sp
    sret
ends handler
function tick
    la t0, ticks
    sd ra, 8(t0)
    timer_in 10000
    la t0, ticks
    ld ra, 8(t0)
    ret
ends tick
zeroed ticks, 16
