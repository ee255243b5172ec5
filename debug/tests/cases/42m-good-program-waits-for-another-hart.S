# expect: pass
# flags: --smp 2
# why: A program polls a word at a low virtual address, where devices have theirs without translation; the other hart writes that page, after a while.
.include "k.inc"
.include "user.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    la t0, root
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, 16(t0)
    la t1, middle
    srli t2, t1, 2
    ori t2, t2, 1
    sd t2, 8(t0)
    la t2, low
    srli t3, t2, 2
    ori t3, t3, 1
    sd t3, 0(t1)
    la t3, program
    srli t3, t3, 2
    ori t3, t3, 0xdb
    sd t3, 0(t2)
    la t3, shared
    srli t3, t3, 2
    ori t3, t3, 0xd7
    sd t3, 8(t2)
    start_others_here 2, second
    la t0, root
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    la t0, handler
    csrw stvec, t0
    li t0, 0x40000000
    csrw sepc, t0
    li t0, 1 << 8
    csrc sstatus, t0
    sret
ends main
function second
    li t0, 3000000
1:  addi t0, t0, -1
    bnez t0, 1b
    la t0, shared
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
    .balign 4
function handler
    rest_here
ends handler
program_here
    li t0, 0x40001000
1:  ld t1, 0(t0)
    beqz t1, 1b
    ecall
    .size program, .-program
    .balign 4096
zeroed root, 4096, 4096
zeroed middle, 4096, 4096
zeroed low, 4096, 4096
zeroed shared, 4096, 4096
