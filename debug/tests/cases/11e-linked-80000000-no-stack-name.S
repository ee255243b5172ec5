# expect: image
# words: firmware|OpenSBI ; 0x80200000 ; bios none
# why: xv6
.include "k.inc"

boot_here
    la sp, stacks+4096
    j main
ends boot
function main
    csrr a1, mhartid
    nop
    rest_here
ends main
zeroed table, 1024
zeroed stacks, 4096, 16
