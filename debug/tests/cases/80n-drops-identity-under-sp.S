# expect: trap
# words: stack|sp|page
# why: As 80m, but sp stays low when the low mapping goes: the next store to the stack faults, and so does everything behind it.
.include "k.inc"
boot_here
    la t0, root
    li t1, 0x20000000 | 0xcf
    sd t1, 16(t0)
    li t2, 0x20000000 | 0xcf
    sd t2, 0(t0)
    li t1, 0xcf
    li t3, 510*8
    add t3, t3, t0
    li t1, 0x20000000 | 0xcf
    sd t1, 0(t3)
    li t1, 0xcf
    sd t1, 0(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    sfence.vma
    la t0, high_main
    li t1, 0xffffffff00000000
    add t0, t0, t1
    la sp, __stack_top
    jr t0
ends boot
function high_main
    la t0, __bss
    la t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  la t0, root
    sd zero, 16(t0)
    sfence.vma
    addi sp, sp, -16
    sd ra, 0(sp)
    la t0, value
    ld t1, 0(t0)
    sd t1, 8(t0)
    rest_here
ends high_main
zeroed value, 64
    .section .data
    .balign 4096
root: .space 4096
