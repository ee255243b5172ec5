# expect: bss
# words: nothing clears
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: The linker script marks BSS, so that it is cleared, and nobody does it.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    la t0, table
    ld t1, 0(t0)
    rest_here
ends main
zeroed table, 1024
