# expect: trap
# words: page table in satp leads to 0x11000000; walk
# why: The UART is mapped high, by a page whose physical address has no device.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, root
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    la t1, middle
    srli t2, t1, 2
    ori t2, t2, 1
    li t3, 256 * 8
    add t3, t0, t3
    sd t2, 0(t3)
    li t2, (0x11000000 >> 2) | 0xc7
    sd t2, 0(t1)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0xffffffc000000000
    li t1, 'h'
    sb t1, 0(t0)
    rest_here
ends main
zeroed root, 4096, 4096
zeroed middle, 4096, 4096
