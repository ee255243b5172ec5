# expect: trap
# words: illegal instruction: `mret`. its handler
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: S-mode returns from nothing by mret, which is M-mode's. All memory is open: PMP is no cause, and none is told.
.include "k.inc"
boot_here
    la sp, __stack_top
    j start
ends boot
function start
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 15
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
    mret
ends main
    .balign 4
function handler
    j handler
ends handler
zeroed table, 64
