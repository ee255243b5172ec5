# expect: stack
# words: stacks; low end|grows downwards
# ld: bssonly.ld
# why: sp = stacks + hart * 4096 instead of (hart + 1): hart 0 pushes over what lies below the array.
.include "k.inc"
boot_here
    la sp, stacks
    slli t0, a0, 12
    add sp, sp, t0
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    rest_here
ends main
    .data
important: .dword 1, 2, 3, 4
zeroed stacks, 32768, 16
