# expect: bss
# words: 8 bytes after __bss_end; <neighbour>
# ld: dataafterbss.ld
# why: The entry clears and rests without ever using sp. Its end is compared with bleu, so a variable behind BSS is zeroed.
.include "k.inc"
boot_here
    la sp, __stack_top
    la t0, __bss
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bleu t0, t1, 1b
    rest_here
ends boot
zeroed table, 256
initialised neighbour, 0x1234, behind
