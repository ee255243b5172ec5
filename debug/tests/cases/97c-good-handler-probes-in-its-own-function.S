# expect: pass
# why: The tick's handler loads from nowhere and is entered anew for that, which goes on behind the load. After three ticks main halts with interrupts off.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
1:  ld t0, ticks
    li t1, 3
    bltu t0, t1, 1b
    csrci sstatus, 2
    j halt
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
    csrr t0, scause
    bgez t0, 1f
    csrr t1, sepc
    sd t1, 48(sp)
    csrr t1, sstatus
    sd t1, 56(sp)
    .option push
    .option norvc
    lw t0, 8(zero)
    .option pop
    ld t1, 48(sp)
    csrw sepc, t1
    ld t1, 56(sp)
    csrw sstatus, t1
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    timer_in 10000
    j 2f
1:  csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
2:  ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
ends handler
function halt
1:  wfi
    j 1b
ends halt
zeroed ticks, 8
