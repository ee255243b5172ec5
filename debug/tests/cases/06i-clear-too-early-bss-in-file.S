# expect: bss
# words: 8 bytes before __bss; <neighbour>
# ld: bssinfile.ld
# why: BSS is in the file and needs no clear. This one runs downwards and stops a word too late, in what stands before __bss.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    la t0, __bss
    la t1, __bss_end
1:  addi t1, t1, -8
    sd zero, 0(t1)
    bgeu t1, t0, 1b
    rest_here
ends main
zeroed table, 1024
initialised neighbour, 0x1234, before
initialised other, 0x1234, behind
