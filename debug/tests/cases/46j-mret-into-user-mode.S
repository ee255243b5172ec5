# expect: trap
# ld: 60a-good-m-mode.ld
# flags: --bios none
# words: U-mode; MPP
# why: M-mode means to go on in S-mode, but does not set mstatus.MPP: mret leads to U-mode, which has no stvec.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
    la t0, handler
    csrw mtvec, t0
    li t0, 3 << 11
    csrc mstatus, t0
    la t0, main
    csrw mepc, t0
    mret
ends boot
function main
    la t0, handler
    csrw stvec, t0
    rest_here
ends main
.balign 4
function handler
    call panic
ends handler
function panic
1:  wfi
    j 1b
ends panic
zeroed table, 64
