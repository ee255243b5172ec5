# expect: bss
# words: 8 bytes after __bss_end; <neighbour>
# ld: bssinfile.ld
# why: BSS is empty, and the clear, which is made before sp is set, takes the end for the last word.
.include "k.inc"
boot_here
    la t0, __bss
    la t1, __bss_end
1:  bgtu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  la sp, __stack_top
    j main
ends boot
function main
    rest_here
ends main
initialised neighbour, 0x1234, behind
