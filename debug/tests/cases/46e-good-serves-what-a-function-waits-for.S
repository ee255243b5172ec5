# expect: pass
# words: waits for interrupts
# why: A function waits by wfi for a request, and main serves one after the other. The wait is where the kernel rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
1:  call request
    la t0, served
    sd a0, 0(t0)
    j 1b
ends main
function request
    addi sp, sp, -16
    sd ra, 8(sp)
1:  la t0, queue
    ld a0, 0(t0)
    bnez a0, 2f
    wfi
    j 1b
2:  ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends request
zeroed queue, 8
zeroed served, 64
