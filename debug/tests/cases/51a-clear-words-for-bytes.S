# expect: bss
# words: (left|uncleared|not cleared|leaves|still)
# why: The clear's count is in bytes and is taken for doublewords divided by 8 twice: it stops after an eighth.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    la t0, __bss
    la t1, __bss_end
    sub t1, t1, t0
    srli t1, t1, 6
1:  sd zero, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    rest_here
ends main
zeroed table, 4096
