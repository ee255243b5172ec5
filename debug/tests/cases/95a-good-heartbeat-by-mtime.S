# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# words: heartbeat
# why: A dot each 100 ms by the CLINT's mtime, for ever, without interrupts. The time is a register of a device here, and changes by itself.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s2, 0x0200bff8
    ld s0, 0(s2)
    li s1, 1000000
1:  add s0, s0, s1
2:  ld t0, 0(s2)
    bltu t0, s0, 2b
    li t0, 0x10000000
    li t1, '.'
    sb t1, 0(t0)
    j 1b
ends main
zeroed table, 64
