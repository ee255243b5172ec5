# expect: pass
# ld: bssinfile.ld
# why: BSS is empty. What stands right behind it is set to 0 by a store, and once more by a loop over all of it.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la a0, neighbour
    sd zero, 0(a0)
    addi a1, a0, 16
1:  sd zero, 0(a0)
    addi a0, a0, 8
    bltu a0, a1, 1b
    la a0, neighbour
    li a1, 1000
2:  sd a1, 0(a0)
    addi a1, a1, -1
    bnez a1, 2b
    rest_here
ends main
initialised neighbour, 0x1234, behind
initialised next, 0x1234, behind
