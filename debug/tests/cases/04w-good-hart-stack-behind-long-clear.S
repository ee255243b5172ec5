# expect: pass
# ld: bssonly.ld
# why: As 04v, and the slot is computed from the hart's number, in instructions between two that set sp.
.include "k.inc"
boot_here
    mv s0, a0
    clear_bss_here
    la sp, stacks
    addi t0, s0, 1
    slli t0, t0, 12
    add sp, sp, t0
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
zeroed table, 1024
zeroed stacks, 32768, 16
