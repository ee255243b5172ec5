# expect: pass
# why: One loop clears BSS and the stack right behind it, up to __stack_top, before sp is set.
.include "k.inc"
boot_here
    la t0, __bss
    la t1, __stack_top
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, __stack_top
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
zeroed table, 1024
