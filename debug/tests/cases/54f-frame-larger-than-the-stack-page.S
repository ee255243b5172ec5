# expect: trap
# words: sp was [0-9]+ bytes below the stack's lowest page; a frame of .*work.* does not fit
# why: A frame of 5,000 bytes on a stack of one mapped page at a high address: the store faults, and so does the handler, which has no other stack.
.include "k.inc"
# An entry of TABLE, at INDEX: the page or table at TARGET, with these bits.
.macro entry table, index, target, bits
    la t0, \table
    li t1, \target
    srli t1, t1, 2
    ori t1, t1, \bits
    li t2, 8 * \index
    add t0, t0, t2
    sd t1, 0(t0)
.endm
.macro leads table, index, lower, bits
    la t0, \table
    la t1, \lower
    srli t1, t1, 2
    ori t1, t1, \bits
    li t2, 8 * \index
    add t0, t0, t2
    sd t1, 0(t0)
.endm
boot_here
    la sp, __stack_top
    j main
ends boot
function handler
    addi sp, sp, -64
    sd a0, 0(sp)
    j handler
ends handler
function work
    li t0, 5008
    sub sp, sp, t0
    sd ra, 0(sp)
    call main
ends work
function main
    clear_bss_here
    entry level2, 2, 0x80000000, 0xcf
    leads level2, 255, level1, 1
    leads level1, 0, level0, 1
    leads level0, 1, page, 0xc7
    la t0, handler
    csrw stvec, t0
    la t0, level2
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li sp, 255 << 30
    li t0, 0x2000
    add sp, sp, t0
    call work
ends main
zeroed level2, 4096, 4096
zeroed level1, 4096, 4096
zeroed level0, 4096, 4096
zeroed page, 4096, 4096
