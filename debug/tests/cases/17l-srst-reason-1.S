# expect: idle
# words: reason|failure|fail
# why: Powers off with the reason `system failure`.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li a0, 0
    li a1, 1
    sbi SBI_SRST
    rest_here
ends main
zeroed table, 1024
