# expect: bss
# words: 8 bytes after __bss_end; <neighbour>
# ld: bssinfile.ld
# why: BSS is empty, and the clear stores before it compares: a word of what stands behind it is lost.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    la t0, __bss
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    rest_here
ends main
initialised neighbour, 0x1234, behind
