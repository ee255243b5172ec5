# expect: bss
# words: console
# why: A pointer in .bss is followed before the clear if it is not null.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    ld t0, console
    beqz t0, 1f
    ld t1, 0(t0)
    jr t1
1:  clear_bss_here
    rest_here
ends main
zeroed console, 8
zeroed table, 1024
