# expect: trap
# words: stvec|handler|vector ; map|satp
# why: stvec holds the handler's address in an upper half that the page table does not map.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    li t1, 0xffffffc000000000
    add t0, t0, t1
    csrw stvec, t0
    la t0, root
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    ebreak
    rest_here
ends main
function handler
    csrr t0, sepc
    addi t0, t0, 2
    csrw sepc, t0
    sret
ends handler
zeroed root, 4096, 4096
zeroed table, 1024
