# expect: stack
# words: before sp was set
# why: A long clear, and then a call without a stack of its own.
.include "k.inc"
boot_here
    clear_bss_here
    call main
    la sp, __stack_top
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
zeroed table, 32768
