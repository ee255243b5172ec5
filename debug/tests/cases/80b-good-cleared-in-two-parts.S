# expect: pass
# why: BSS is cleared in two parts: .bss.early by boot, the rest by main (NuttX, Zephyr: early data of its own).
.include "k.inc"
boot_here
    la t0, __bss
    la t1, middle
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    la t0, early
    li t1, 7
    sd t1, 0(t0)
    la t0, middle
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la t0, early
    ld t1, 0(t0)
    rest_here
ends main
zeroed early, 512
zeroed middle, 1024
