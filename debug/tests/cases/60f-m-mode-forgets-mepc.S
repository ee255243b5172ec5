# expect: trap
# words: environment call from S-mode
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: As 60e, but the handler forgets to go on behind the call: the same call traps for ever.
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
    csrw mepc, t0
    csrr t0, mscratch
    mret
ends handler
zeroed table, 1024
