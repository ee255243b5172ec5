# expect: trap
# words: illegal instruction ; vector
# why: A vector instruction, on a hart without V.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    .4byte 0x0c0072d7              # vsetvli t0, zero, e8, m1, ta, ma
    rest_here
ends main
zeroed table, 1024
