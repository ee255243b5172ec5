# expect: pass
# words: -
# why: Floating point is off, then on, then used.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li t0, 0x6000
    csrc sstatus, t0
    li t0, 0x2000
    csrs sstatus, t0
    fmv.d.x fa0, zero
    rest_here
ends main
zeroed table, 1024
