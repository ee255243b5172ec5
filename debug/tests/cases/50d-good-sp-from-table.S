# expect: pass
# why: sp comes from a table of stack tops in .rodata, by hart: NuttX and Zephyr do that.
.include "k.inc"
boot_here
    la t0, tops
    slli t1, a0, 3
    add t0, t0, t1
    ld sp, 0(t0)
    tail main
ends boot
function main
    clear_bss_here
    rest_here
ends main
    .section .rodata
    .balign 8
tops: .dword __stack_top, __stack_top - 8192, __stack_top - 16384
zeroed table, 1024
