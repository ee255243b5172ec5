# expect: trap
# words: store.*page fault ; 0x10000000 ; UART|not mapped|maps|no entry|not valid|invalid|V is
# why: After satp the console is written to at its physical address, which the table does not map.
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
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0x10000000
    li t1, 'h'
    sb t1, 0(t0)
    rest_here
ends main
zeroed root, 4096, 4096
zeroed table, 1024
