# expect: bss
# words: 8 bytes after __bss_end; <neighbour>
# ld: dataafterbss.ld
# why: BSS is a single word, which has to be cleared. The clear compares behind its store and stores two.
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
    bleu t0, t1, 1b
    rest_here
ends main
zeroed word, 8
initialised neighbour, 0x1234, behind
