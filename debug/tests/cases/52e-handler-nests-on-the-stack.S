# expect: margin|trap|idle
# words: overflow|handler|interrupt
# why: As 52d with frames: each nested handler makes another, until the stack overflows.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 1000
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
    csrsi sstatus, 2
    timer_in 0
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed table, 1024
