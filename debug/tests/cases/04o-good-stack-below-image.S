# expect: pass
# words: -
# flags: --stack-top boot --stack-bottom 0x801f0000
# why: U-Boot: the stack below the image
.include "k.inc"

boot_here
    la sp, boot
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 0(sp)
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
