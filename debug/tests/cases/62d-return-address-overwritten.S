# expect: trap
# words: return address ; overwritten
# why: A buffer on the stack is filled too far, with an odd value: the frame's return address is lost. The hart drops its lowest bit when it returns.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
1:  wfi
    j 1b
ends boot
function main
    addi sp, sp, -32
    sd ra, 24(sp)
    clear_bss_here
    mv t0, sp
    li t1, 0x4141414141414141
    addi t2, sp, 32
1:  sd t1, 0(t0)
    addi t0, t0, 8
    bltu t0, t2, 1b
    ld ra, 24(sp)
    addi sp, sp, 32
    ret
ends main
zeroed table, 64
