# expect: pass
# why: Each round masks the tick in sie, tests the flag, and lets the tick in again; its handler sets the flag.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 500000
    csrsi sstatus, 2
    la a5, ready
    li t2, 1 << 5
1:  csrc sie, t2
    ld t0, 0(a5)
    bnez t0, 2f
    csrs sie, t2
    j 1b
2:  rest_here
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
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    li a0, -1
    sbi SBI_TIME
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed ready, 8
