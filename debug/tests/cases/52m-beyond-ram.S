# expect: trap
# words: access fault ; RAM ends at 0x88000000
# why: It takes the machine to have 256 MiB of RAM.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t0, 0x8f000000
    sd zero, 0(t0)
    rest_here
ends main
zeroed table, 64
