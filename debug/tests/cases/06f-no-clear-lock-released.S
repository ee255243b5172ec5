# expect: bss
# words: nothing clears
# why: xv6-k210: nobody clears; locks are released with zeros by one instruction
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    li s2, 20
1:  la t0, lock
    li t1, 1
    amoswap.w.aq t2, t1, (t0)
    bnez t2, 2f
    la t0, lock
    sd zero, 0(t0)
    la t0, lock2
    sd zero, 8(t0)
    addi s2, s2, -1
    bnez s2, 1b
2:  rest_here
ends main
zeroed lock, 8
zeroed lock2, 16
zeroed table, 1024
