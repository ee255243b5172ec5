# expect: pass
# ld: bssonly.ld
# why: Before sp is set, boot clears all of BSS in registers, the stack in it too: thousands of instructions.
.include "k.inc"
boot_here
    clear_bss_here
    la sp, boot_stack
    li t0, 16384
    add sp, sp, t0
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
zeroed table, 1024
zeroed boot_stack, 16384, 16
