# expect: bss|trap|margin|stack
# why: As 99q, but main, which has a frame in that stack, clears it: its return address is lost.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
    rest_here
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    la t0, __bss
    la t1, __stack_top
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends main
zeroed table, 1024
