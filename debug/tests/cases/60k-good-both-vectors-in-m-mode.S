# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: In M-mode it sets mtvec, and stvec for later, then it goes to S-mode, whose handler takes a breakpoint and goes on behind it.
.include "k.inc"
boot_here
    la sp, __stack_top
    call start
ends boot
function start
    la t0, machine_handler
    csrw mtvec, t0
    la t0, handler
    csrw stvec, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    csrw satp, zero
    li t0, 0xffff
    csrw medeleg, t0
    csrw mideleg, t0
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 15
    csrw pmpcfg0, t0
    mret
ends start
function main
    clear_bss_here
    .option push
    .option norvc
    ebreak
    .option pop
    li t0, 512
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
ends handler
    .balign 4
function machine_handler
    j machine_handler
ends machine_handler
zeroed table, 1024
