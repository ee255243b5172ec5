# expect: pass
# why: The guest's handler sets its timer again. Its addresses are translated.
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
    li t1, 0x200000df
    sd t1, 0(t0)
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw hgatp, t0
    .word 0x62000073 # hfence.gvma
    li t0, 1 << 6
    csrw hideleg, t0
    li t0, 2
    csrw hcounteren, t0
    li t0, 1 << 63
    csrs 0x60a, t0
    li t0, 1 << 7
    csrs hstatus, t0
    li t0, 0x100
    csrs sstatus, t0
    la t0, guest
    li t1, 0x80000000
    sub t0, t0, t1
    csrw sepc, t0
    sret
ends main
function guest
    la t0, guest_handler
    csrw stvec, t0
    rdtime t0
    li t1, 30000
    add t0, t0, t1
    csrw 0x14d, t0
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
1:  wfi
    j 1b
ends guest
    .balign 4
function guest_handler
    csrr t0, 0x14d
    li t1, 300000
    add t0, t0, t1
    csrw 0x14d, t0
    sret
ends guest_handler
    .balign 4
function handler
    j panic
ends handler
function panic
    j panic
ends panic
zeroed table, 64
zeroed root, 16384, 16384
