# expect: trap
# words: illegal instruction ; mhartid
# why: A CSR of M-mode, read in S-mode.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    csrr t0, mhartid
    rest_here
ends main
zeroed table, 1024
