# expect: pass
# why: Sv48, linked at 0xffff800080200000, loaded at 0x80200000. It drops the identity when it is up there.
.include "k.inc"
boot_here
    la t0, boot_root
    la t1, boot_mid
    srli t2, t1, 12
    slli t2, t2, 10
    ori t2, t2, 1
    sd t2, 0(t0)
    li t3, 256 * 8
    add t3, t3, t0
    sd t2, 0(t3)
    li t2, (0x80000000 >> 2) | 0xcf
    sd t2, 16(t1)
    srli t0, t0, 12
    li t1, 9 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    la t0, high
    li t1, 0xffff800000000000
    add t0, t0, t1
    jr t0
high:
    la sp, __stack_top
    la t0, boot_root           # the identity is no longer needed
    sd zero, 0(t0)
    sfence.vma
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    ebreak
    rest_here
ends main
    .balign 4
function handler
    csrr t6, sepc
    addi t6, t6, 2
    csrw sepc, t6
    sret
ends handler
    .section .data,"aw"
    .balign 4096
boot_root: .zero 4096
boot_mid: .zero 4096
zeroed table, 1024
