# expect: pass
# words: -
# why: boot keeps a1 in .data before BSS is cleared.
.include "k.inc"

boot_here
    la sp, __stack_top
    la t0, tree
    sd a1, 0(t0)
    j main
ends boot
function main
    clear_bss_here
    ld t0, tree
    lwu t1, 0(t0)
    rest_here
ends main
zeroed table, 1024
    .data
    .balign 8
    .globl tree
tree: .dword 0
