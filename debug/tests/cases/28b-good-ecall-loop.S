# expect: pass
# words: -
# why: loop of SBI calls: one answer on both
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
1:  li a7, 0x10
    li a6, 0
    ecall
    j 1b
ends main
zeroed table, 1024
