# expect: pass
# why: The handler goes on behind the loop that waits for the tick, which is in the same function: it is meant.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
    .option norvc
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    li t2, 0
1:  addi t2, t2, 1
    j 1b
resume:
2:  wfi
    j 2b
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
    csrr t0, sepc
    la t1, resume
    bgeu t0, t1, 9f
    la t0, after
    ld t0, 0(t0)
    csrw sepc, t0
9:
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
    .section .data.after,"aw",@progbits
    .balign 8
after: .dword resume
