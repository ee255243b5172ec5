# expect: trap
# words: satp
# why: satp is written with a mode that no hart has (11): the write has no effect (manual, satp: unsupported MODE), and the jump to the high half faults.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, root
    li t1, 0x2000004f
    slli t1, t1, 0
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    li t2, 0x800
    add t2, t2, t0
    sd t1, 0(t2)
    srli t0, t0, 12
    li t1, 11 << 60
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    sfence.vma
    la t0, high
    li t1, 0xffffffc000000000 - 0x80000000
    add t0, t0, t1
    jr t0
ends main
function high
    rest_here
ends high
zeroed root, 4096, 4096
