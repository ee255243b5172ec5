# expect: bss
# words: 8 bytes after __bss_end; <neighbour>
# ld: bssinfile.ld
# why: BSS is in the file and needs no clear. This clear goes on for a word behind __bss_end: the neighbour there loses its value.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    la t0, __bss
    la t1, __bss_end
1:  bgtu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  rest_here
ends main
zeroed table, 1024
initialised neighbour, 0x1234, behind
