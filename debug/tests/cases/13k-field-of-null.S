# expect: trap
# words: address 0x10 ; null pointer
# why: The page table maps the kernel alone; a field of a structure is stored to through a pointer that is 0.
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
    la a0, node
    ld a0, 0(a0)
    sd zero, 16(a0)
    rest_here
ends main
zeroed root, 4096, 4096
zeroed node, 8
