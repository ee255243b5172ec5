# expect: bss|idle|trap
# words: boot_hart
# why: boot keeps the hart's number in .bss, the clear erases it, and main panics.
.include "k.inc"

boot_here
    la sp, __stack_top
    addi a0, a0, 1
    la t0, boot_hart
    sd a0, 0(t0)
    j main
ends boot
function main
    clear_bss_here
    ld t0, boot_hart
    beqz t0, panic
    rest_here
ends main
function panic
1:  j 1b
ends panic
zeroed boot_hart, 8
zeroed table, 1024
