# expect: image
# words: firmware|OpenSBI ; 0x80200000 ; bios none
# why: Linked for M-mode, over the firmware.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
