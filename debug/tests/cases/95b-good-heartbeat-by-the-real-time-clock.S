# expect: pass
# words: heartbeat
# why: A dot each 100 ms by the real-time clock, whose nanoseconds are read in two halves, the lower one first (Goldfish timer).
.include "k.inc"
.macro now register
    lwu \register, 0(s2)
    lwu t1, 4(s2)
    slli t1, t1, 32
    or \register, \register, t1
.endm
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s2, 0x101000
    now s0
    li s1, 100000000
1:  add s0, s0, s1
2:  now t0
    bltu t0, s0, 2b
    li t0, 0x10000000
    li t1, '.'
    sb t1, 0(t0)
    j 1b
ends main
zeroed table, 64
