# expect: trap
# words: load page fault ; SUM|U-mode|user|U is
# why: The kernel reads a page with U set, and sstatus.SUM is 0.
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
    li t1, (0x80000000 >> 2) | 0xdf
    sd t1, 8(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0x40400000
    ld t1, 0(t0)
    rest_here
ends main
zeroed root, 4096, 4096
zeroed table, 1024
