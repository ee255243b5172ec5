# expect: trap
# words: load|fault; medeleg|M-mode|delegat
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: An M-mode boot that forgets medeleg: the page fault of its S-mode goes to mtvec, which was never set; stvec's handler would have taken it.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret
ends boot
function supervisor
    la t0, handler
    csrw stvec, t0
    li t0, 0x04000000
    ld t0, 0(t0)
    rest_here
ends supervisor
    .balign 4
function handler
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
ends handler
zeroed table, 64
