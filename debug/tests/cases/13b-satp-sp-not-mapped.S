# expect: trap|stack
# words: store.*page fault ; satp|translat|map ; level|entry|write|W
# why: sp lies in a page that is mapped R and X only
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    la t0, root
    la t1, mid
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 16(t0)
    la t2, mid
    li t1, (0x80200000 >> 2) | 0xcb
    sd t1, 8(t2)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
function handler
    addi sp, sp, -64
    sd ra, 0(sp)
    ld ra, 0(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed root, 4096, 4096
zeroed mid, 4096, 4096
zeroed table, 1024
