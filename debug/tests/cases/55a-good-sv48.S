# expect: pass
# why: Sv48 instead of Sv39.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, top
    la t1, root
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 0(t0)
    la t1, root
    li t2, (0x80000000 >> 2) | 0xcf
    sd t2, 16(t1)
    li t2, 0xc7
    sd t2, 0(t1)
    srli t0, t0, 12
    li t1, 9 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0x10000000
    li t1, 'h'
    sb t1, 0(t0)
    rest_here
ends main
zeroed top, 4096, 4096
zeroed root, 4096, 4096
