# expect: pass
# words: time|heartbeat|period|every|0\.
# why: Prints a dot each 100 ms by rdtime, for ever, without interrupts: alive (a blinking LED). Nothing else can come.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    rdtime s0
    li s1, 1000000
1:  add s0, s0, s1
2:  rdtime t0
    bltu t0, s0, 2b
    li t0, 0x10000000
    li t1, '.'
    sb t1, 0(t0)
    j 1b
ends main
zeroed table, 64
