# expect: pass
# words: changes no state
# why: The kernel turns the floating-point unit off; its next use traps, and the handler turns it on and returns to it: again and again, without end.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
1:  li t0, 3 << 13
    csrc sstatus, t0
    fmv.d.x fa0, zero
    j 1b
ends main
function handler
    csrw sscratch, t0
    li t0, 3 << 13
    csrs sstatus, t0
    csrr t0, sscratch
    csrw sscratch, zero
    sret
ends handler
zeroed table, 64
