# expect: stack
# words: bottom|low end
# why: sp is set to the low end of the stack.
.include "k.inc"

boot_here
    la sp, __stack_bottom
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 0(sp)
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
