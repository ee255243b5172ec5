# expect: idle
# words: 0x10001070|virtio|device
# why: A driver waits for ever for a bit in the status register of a virtio slot without a device (no timeout): a hang. virtio 1.2, 4.2.2: it reads 0.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    clear_bss_here
    li t0, 0x10001000
    li t1, 1
    sw t1, 0x70(t0)
1:  lw t1, 0x70(t0)
    andi t1, t1, 1
    beqz t1, 1b
    rest_here
ends main
zeroed table, 64
