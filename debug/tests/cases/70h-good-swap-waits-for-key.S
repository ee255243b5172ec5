# expect: pass
# why: As 70b with an event flag: `while !KEY.swap(false)`. The UART's interrupt would set it, interrupts are on, and nobody types yet.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 0x10000000
    li t1, 1
    sb t1, 1(t0)
    li t0, 0x0c000028
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 0x400
    sw t1, 0(t0)
    li t0, 0x0c201000
    sw zero, 0(t0)
    li t0, 0x200
    csrw sie, t0
    csrsi sstatus, 2
    la t0, key
1:  amoswap.w.aq t2, zero, (t0)
    beqz t2, 1b
    j 1b
ends main
    .balign 4
function handler
    li t3, 0x0c201004
    lw t4, 0(t3)
    li t5, 0x10000000
    lbu t6, 0(t5)
    li t6, 1
    la t5, key
    sw t6, 0(t5)
    sw t4, 0(t3)
    sret
ends handler
zeroed key, 64
