# expect: pass
# words: -
# why: Counts to 3,000,000, then rests.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li t0, 3000000
1:  addi t0, t0, -1
    bnez t0, 1b
    rest_here
ends main
zeroed table, 1024
