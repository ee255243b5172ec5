# expect: trap
# words: timer interrupt; ra = ; work uses it; save ra
# why: The handler calls a function and does not save ra, which a leaf function keeps in the register.
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
    li s2, 50000
1:  call work
    addi s2, s2, -1
    bnez s2, 1b
    rest_here
ends main
function work
    li t2, 20
2:  addi t2, t2, -1
    bnez t2, 2b
    ret
ends work
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
    call count
    timer_in 100000
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
function count
    ret
ends count
