# expect: pass
# words: -
# why: Powers off without a reason.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li a0, 0
    li a1, 0
    sbi SBI_SRST
    rest_here
ends main
zeroed table, 1024
