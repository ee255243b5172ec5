# expect: trap
# words: illegal instruction; TW
# flags: --bios none
# ld: 60a-good-m-mode.ld
# why: M-mode sets mstatus.TW (to emulate wfi) and goes to S-mode, whose wfi is an illegal instruction; M-mode's handler stops there. Manual: "Virtualization Support in mstatus".
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    la t0, dead
    csrw mtvec, t0
    li t0, 1 << 21
    csrs mstatus, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret
ends boot
function supervisor
    rest_here
ends supervisor
function dead
1:  j 1b
ends dead
zeroed table, 64
