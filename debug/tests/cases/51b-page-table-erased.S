# expect: bss|trap
# words: erase|root|page table
# why: The page table lies in BSS, satp is switched on, and then BSS is cleared: the next fetch finds no page.
.include "k.inc"
boot_here
    la sp, __stack_top
    la t0, root
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    sfence.vma
    j main
ends boot
function main
    clear_bss_here
    sfence.vma
    rest_here
ends main
zeroed table, 1024
zeroed root, 4096, 4096
