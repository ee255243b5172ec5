# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# words: waits for interrupts
# why: sie has the timer's interrupt, but M-mode gave S-mode no timer of its own (menvcfg.STCE is 0), and sets none: it rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
    li t0, 0x222
    csrs mideleg, t0
    csrs sie, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    mret
ends boot
function main
    la t0, handler
    csrw stvec, t0
    csrsi sstatus, 2
    rest_here
ends main
.balign 4
function handler
    j handler
ends handler
zeroed table, 64
