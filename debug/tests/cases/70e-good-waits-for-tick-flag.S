# expect: pass
# why: As 70d with interrupts on: the handler sets the flag, and the kernel goes on to rest.
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
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    la t0, ticks
1:  ld t1, 0(t0)
    beqz t1, 1b
    csrci sstatus, 2
    csrw sie, zero
    rest_here
ends main
function handler
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t0, ticks
    li t1, 1
    sd t1, 0(t0)
    li t0, 32
    csrc sie, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed ticks, 64
