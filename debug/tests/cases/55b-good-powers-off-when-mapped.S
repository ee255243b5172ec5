# expect: pass
# why: The finisher is mapped at a high address, and the kernel powers off there.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, root
    li t2, (0x80000000 >> 2) | 0xcf
    sd t2, 16(t0)
    li t2, 0xc7
    sd t2, 800(t0)
    li t2, 0xc7
    li t3, 2048
    add t3, t0, t3
    sd t2, 0(t3)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0xffffffc000100000
    li t1, 0x5555
    sw t1, 0(t0)
    rest_here
ends main
zeroed root, 4096, 4096
