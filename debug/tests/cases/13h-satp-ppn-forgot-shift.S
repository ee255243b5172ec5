# expect: trap
# words: fault ; satp
# why: satp = address, not shifted by 12
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
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    rest_here
ends main
zeroed root, 4096, 4096
zeroed table, 1024
