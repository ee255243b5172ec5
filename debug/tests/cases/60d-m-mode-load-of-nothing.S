# expect: trap
# words: load access fault
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: A kernel for M-mode that loads from where nothing lies, before it has a handler.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    li t0, 8
    ld t1, 0(t0)
    rest_here
ends main
zeroed table, 1024
