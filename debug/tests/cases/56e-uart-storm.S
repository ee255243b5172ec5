# expect: idle
# words: external
# why: The UART's transmitter interrupt is on, and the handler counts and never claims it from the PLIC.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 1 << 10
    sw t1, 0(t0)
    li t0, 0x0c201000
    sw zero, 0(t0)
    li t0, 0x10000000
    li t1, 1
    sb t1, 1(t0)
    li t1, 2
    sb t1, 1(t0)
    li t0, 512
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t1, count
    ld t0, 0(t1)
    addi t0, t0, 1
    sd t0, 0(t1)
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed count, 8
zeroed table, 1024
