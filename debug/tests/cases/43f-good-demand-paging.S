# expect: pass
# words: -
# why: Pages are mapped by the handler of the page fault.
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
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0x40600000
    li t1, 7
    sd t1, 0(t0)
    ld t1, 0(t0)
    li t0, 0x100600000
    lw t1, 0(t0)
    rest_here
ends main
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd t2, 16(sp)
    csrr t0, stval
    srli t0, t0, 30
    slli t0, t0, 3
    la t1, root
    add t1, t1, t0
    li t2, (0x80000000 >> 2) | 0xc7
    sd t2, 0(t1)
    sfence.vma
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld t2, 16(sp)
    addi sp, sp, 32
    sret
ends handler
zeroed root, 4096, 4096
zeroed table, 1024
