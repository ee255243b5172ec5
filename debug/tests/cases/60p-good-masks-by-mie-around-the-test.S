# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: Each round masks the tick in mie, tests the flag, and lets the tick in again; its handler sets the flag.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t2, 500000
    add t1, t1, t2
    li t0, 0x02004000
    sd t1, 0(t0)
    csrsi mstatus, 8
    la a5, ready
    li t2, 1 << 7
1:  csrc mie, t2
    ld t0, 0(a5)
    bnez t0, 2f
    csrs mie, t2
    j 1b
2:  rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    li t0, 0x02004000
    li t1, -1
    sd t1, 0(t0)
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    mret
ends handler
zeroed ready, 8
