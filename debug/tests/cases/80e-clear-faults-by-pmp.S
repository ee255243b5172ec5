# expect: trap
# words: access
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: PMP opens only the first 64 KiB of RAM (NAPOT) to S-mode: BSS lies 1 MiB higher, and the clear's first store faults.
.include "k.inc"
boot_here
    la sp, __stack_top
    li t0, (0x80000000 >> 2) | 0x1fff
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0xffff
    csrw medeleg, t0
    csrw mideleg, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, handler
    csrw stvec, t0
    la t0, main
    csrw mepc, t0
    mret
ends boot
function main
    clear_bss_here
    rest_here
ends main
    .balign 4
function handler
    j handler
ends handler
    .section .data
    .space 0x100000
zeroed table, 64
