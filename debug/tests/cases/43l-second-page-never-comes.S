# expect: trap
# words: store/AMO page fault ; 0x40800000 ; again, for ever
# why: The handler maps the first page of 2 MiB that is missing, and that again for each other one: the second store faults for ever.
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
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    la t1, middle
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, 8(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li a0, 0x40600000
    li a1, 0x200000
    li a2, 3
1:  sd a2, 0(a0)
    add a0, a0, a1
    addi a2, a2, -1
    bnez a2, 1b
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t0, middle
    li t1, (0x80600000 >> 2) | 0xc7
    sd t1, 24(t0)               # for any address: entry 3
    la t0, count
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    sfence.vma
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 32
    sret
ends handler
zeroed root, 4096, 4096
zeroed middle, 4096, 4096
zeroed count, 8
