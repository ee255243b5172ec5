# expect: trap
# words: tp
# why: A per-hart variable is read through tp, which nobody has set.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    ld a0, 16(tp)
    sd zero, 24(tp)
    rest_here
ends main
zeroed table, 1024
