# expect: pass
# ld: 75a-good-data-copied.ld
# why: .data is loaded behind the code and copied to where it is linked (Zephyr XIP, Hubris, Tock); then its table is used.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    la t0, __data_load
    la t1, __data
    la t2, __data_end
1:  ld t3, 0(t0)
    sd t3, 0(t1)
    addi t0, t0, 8
    addi t1, t1, 8
    bltu t1, t2, 1b
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
