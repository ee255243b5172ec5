# expect: pass
# why: The timer's handler saves sepc and sstatus, lets a software interrupt in, and goes back: nesting done right, for ever.
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
    li t0, 34
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -96
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    csrr t0, sepc
    sd t0, 48(sp)
    csrr t0, sstatus
    sd t0, 56(sp)
    csrr t0, scause
    slli t0, t0, 1
    li t1, 2
    bne t0, t1, timer
    csrci sip, 2
    la t0, softs
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    j 9f
timer:
    timer_in 100000
    csrsi sip, 2
    csrsi sstatus, 2
    nop
    nop
    csrci sstatus, 2
9:  ld t0, 48(sp)
    csrw sepc, t0
    ld t0, 56(sp)
    csrw sstatus, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 96
    sret
ends handler
zeroed softs, 8
zeroed table, 1024
