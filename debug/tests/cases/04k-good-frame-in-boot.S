# expect: pass
# words: -
# why: boot makes a frame for a0 and a1, calls the clear with it, and takes it away again.
.include "k.inc"

boot_here
    la sp, __stack_top
    addi sp, sp, -16
    sd a0, 0(sp)
    sd a1, 8(sp)
    call clear
    ld a0, 0(sp)
    ld a1, 8(sp)
    addi sp, sp, 16
    call main
ends boot
function clear
    clear_bss_here
    ret
ends clear
function main
    rest_here
ends main
zeroed table, 1024
