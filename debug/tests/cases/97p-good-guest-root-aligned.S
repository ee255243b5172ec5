# expect: pass
# on: embedded
# flags: --harsh
# why: The root of the guest's table lies at a multiple of 16 KiB.
.include "k.inc"
# An entry of TABLE, at INDEX: the page or table at TARGET, with these bits.
.macro entry table, index, target, bits
    la t0, \table
    la t1, \target
    srli t1, t1, 2
    ori t1, t1, \bits
    li t2, 8 * \index
    add t0, t0, t2
    sd t1, 0(t0)
.endm
boot_here
    la sp, __stack_top
    clear_bss_here
    entry second2, 0, second1, 1
    entry second1, 0, second0, 1
    entry second0, 256, guest, 0xdf
    la t0, handler
    csrw stvec, t0
    la t0, second2
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw 0x680, t0
    .word 0x62000073 # hfence.gvma
    li t0, 0x100000
    csrw sepc, t0
    li t0, 1 << 8
    csrs sstatus, t0
    li t0, 1 << 7
    csrs 0x600, t0
    sret
ends boot
function panic
1:  j 1b
ends panic
function handler
    csrr t0, scause
    li t1, 10
    bne t0, t1, 2f
1:  wfi
    j 1b
2:  j panic
ends handler
function guest
    .balign 4096
    li a7, 8
    .balign 4
    ecall
ends guest
zeroed before, 4096, 16384
    .space 12288
zeroed second2, 16384, 4096
zeroed second1, 4096, 4096
zeroed second0, 4096, 4096
