# expect: trap
# words: PMP entry 1; R is 0
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: S-mode's code and data are in one entry, which has X alone; the entry behind it, with all memory, is not asked for them.
.include "k.inc"
boot_here
    la sp, __stack_top
    j start
ends boot
function start
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, 0x80000000 >> 2
    csrw pmpaddr0, t0
    li t0, 0x80100000 >> 2
    csrw pmpaddr1, t0
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr2, t0
    li t0, 0x0f0c0f
    csrw pmpcfg0, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    mret
ends start
function main
    la t1, table
    ld t0, 8(t1)
    rest_here
ends main
    .balign 4
function handler
    j handler
ends handler
zeroed table, 1024
