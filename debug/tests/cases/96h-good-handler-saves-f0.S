# expect: pass
# why: The same handler saves f0.
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
    li t0, 0x2000
    csrs sstatus, t0
    li t0, 3
    fcvt.d.l f0, t0
    fcvt.d.l f1, t0
    li s2, 1000000
1:  fadd.d f1, f1, f0
    addi s2, s2, -1
    bnez s2, 1b
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
    fsd f0, 48(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    fcvt.d.l f0, t1
    timer_in 100000
    fld f0, 48(sp)
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed ticks, 8
