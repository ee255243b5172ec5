# expect: pass
# words: heartbeat
# why: A dot each 100 ms. The time is read in a function of its own, as in code that is not optimised, and little of the time is spent there.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function now
    rdtime a0
    ret
ends now
function main
    clear_bss_here
    call now
    mv s0, a0
    li s1, 1000000
1:  add s0, s0, s1
2:  call now
    .rept 400
    addi t3, t3, 1
    .endr
    bltu a0, s0, 2b
    li t0, 0x10000000
    li t1, '.'
    sb t1, 0(t0)
    j 1b
ends main
zeroed table, 64
