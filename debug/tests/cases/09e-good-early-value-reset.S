# expect: pass
# words: -
# why: boot keeps a1 in .bss, and main stores it again behind the clear.
.include "k.inc"

boot_here
    la sp, __stack_top
    la t0, tree
    sd a1, 0(t0)
    mv s1, a1
    j main
ends boot
function main
    clear_bss_here
    sd s1, tree, t0
    ld t0, tree
    lwu t1, 0(t0)
    rest_here
ends main
zeroed tree, 8
zeroed table, 1024
