# expect: stack
# words: sp
# why: sp is lowered by 8 in boot, and main is called with it: not 16-aligned, and no frame of boot's.
.include "k.inc"

boot_here
    la sp, __stack_top
    addi sp, sp, -8
    call main
ends boot
function main
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
