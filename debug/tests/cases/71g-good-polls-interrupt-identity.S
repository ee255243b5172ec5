# expect: pass
# why: Asks the UART's interrupt identity for input, which says so by clearing bit 0 (16550, IIR). Nobody types: it waits for input.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t0, 0x10000000
    li t1, 1
    sb t1, 1(t0)
1:  lbu t1, 2(t0)
    andi t1, t1, 1
    bnez t1, 1b
    lbu t1, 0(t0)
    sb t1, 0(t0)
    j 1b
ends main
zeroed table, 64
