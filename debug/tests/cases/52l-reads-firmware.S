# expect: trap
# words: access fault ; firmware's memory
# why: It loads from the firmware's memory, which is protected.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t0, 0x80000000
    ld t1, 0(t0)
    rest_here
ends main
zeroed table, 64
