# expect: trap
# words: timer interrupt; s3 = ; uses it at
# why: The handler uses s3 without saving it. The interrupted code has put it on the stack, or gets it from there.
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
    la s3, ticks
    li s2, 20000
1:  mv a0, s3
    call work
    addi s2, s2, -1
    bnez s2, 1b
    rest_here
ends main
function work
    addi sp, sp, -32
    sd s3, 0(sp)
    sd ra, 8(sp)
    li s3, 100
2:  addi s3, s3, -1
    bnez s3, 2b
    ld a1, 0(a0)
    ld ra, 8(sp)
    ld s3, 0(sp)
    addi sp, sp, 32
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
    csrr s3, stval
    addi s3, s3, 64
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
