# expect: idle
# words: virtio device at 0x10001008 ; there is none
# why: It waits for a disk that is not there, and says so each second, for ever. It never gets to its idle loop.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
again:
    li t0, 0x10001000
    lw t1, 0x8(t0)
    li t2, 2
    beq t1, t2, found
    sw zero, 0x70(t0)
    la t1, text
    li t0, 0x10000000
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  rdtime s0
    li s1, 10000000
    add s0, s0, s1
3:  rdtime s1
    bltu s1, s0, 3b
    j again
found:
    rest_here
ends main
    .section .rodata
text: .asciz "virtio-blk: no device, retrying\n"
zeroed table, 64
