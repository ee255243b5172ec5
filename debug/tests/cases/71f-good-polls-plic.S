# expect: pass
# why: An idle loop that claims from the PLIC by polling: the UART's input is enabled there, and nobody types. It waits for input.
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
    li t0, 0x0c000028
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 0x400
    sw t1, 0(t0)
    li t0, 0x0c201000
    sw zero, 0(t0)
1:  lw t1, 4(t0)
    beqz t1, 1b
    sw t1, 4(t0)
    li t2, 0x10000000
    lbu t3, 0(t2)
    sb t3, 0(t2)
    j 1b
ends main
zeroed table, 64
