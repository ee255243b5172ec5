# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: M-mode serves the calls of its own S-mode and returns behind each, as a small firmware does.
.include "k.inc"
boot_here
    la sp, __stack_top
    call start
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
    li s0, 3
1:  ecall
    addi s0, s0, -1
    bnez s0, 1b
    csrsi sie, 2
    rest_here
ends main
    .balign 4
function handler
    csrw mscratch, t0
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    csrr t0, mscratch
    mret
ends handler
zeroed table, 1024
