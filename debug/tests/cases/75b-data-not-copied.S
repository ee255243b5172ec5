# expect: trap
# words: \.data|driver; load|cop
# ld: 75a-good-data-copied.ld
# why: As 75a without the copy: the table of functions at its linked address holds zeros, and the kernel jumps to 0.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    clear_bss_here
    la t0, driver
    ld t0, 0(t0)
    jalr t0
    rest_here
ends main
function init
    ret
ends init
initialised driver, init, ops
zeroed table, 64
