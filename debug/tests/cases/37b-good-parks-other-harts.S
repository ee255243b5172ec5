# expect: pass
# words: -
# why: Harts other than 0 park before they have a stack.
.include "k.inc"

boot_here
    bnez a0, park
    la sp, __stack_top
    j main
ends boot
function park
    wfi
    j park
ends park
function main
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
