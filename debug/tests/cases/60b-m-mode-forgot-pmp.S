# expect: trap
# words: PMP|pmp
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: As 60a without the PMP entry: no memory may be used after mret.
.include "k.inc"
boot_here
    la sp, __stack_top
    call start
ends boot
function start
    clear_bss_here
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    csrw satp, zero
    mret
ends start
function main
    rest_here
ends main
zeroed table, 1024
