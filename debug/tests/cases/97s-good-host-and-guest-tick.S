# expect: pass
# on: embedded
# words: ticking every 30 ms, and its guest every 10 ms
# why: A hypervisor ticks every 30 ms, and its guest every 10 ms by a timer of its own (Sstc).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    csrw hgatp, zero
    li t0, 1 << 6
    csrw hideleg, t0
    li t0, 2
    csrw hcounteren, t0
    li t0, 1 << 63
    csrs 0x60a, t0
    timer_in 300000
    li t0, 1 << 5
    csrs sie, t0
    li t0, 1 << 7
    csrs hstatus, t0
    li t0, 0x100
    csrs sstatus, t0
    la t0, guest
    csrw sepc, t0
    sret
ends main
function guest
    la t0, guest_handler
    csrw stvec, t0
    rdtime t0
    li t1, 100000
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
    li t1, 100000
    add t0, t0, t1
    csrw 0x14d, t0
    sret
ends guest_handler
    .balign 4
function handler
    timer_in 300000
    sret
ends handler
zeroed table, 64
