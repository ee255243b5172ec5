# expect: pass
# why: An unoptimised `while (1)`: each round loads the constant that it tests, and branches by it.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
1:  li a5, 1
    bnez a5, 1b
    ret
ends main
zeroed table, 64
