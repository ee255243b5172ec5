# expect: trap
# words: instruction page fault ; level
# why: second level is empty
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, root
    la t1, mid
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 16(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    rest_here
ends main
zeroed root, 4096, 4096
zeroed mid, 4096, 4096
zeroed table, 1024
