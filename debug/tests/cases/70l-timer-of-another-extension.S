# expect: idle
# on: embedded
# words: waits for ever for the word.*<ticked>; no timer is set
# why: The timer is set by an id that no SBI extension has. Interrupts are let in, none comes, and the kernel waits for its first tick. (Where a firmware leaves stimecmp at 0, one comes by luck.)
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rdtime a0
    li a1, 100000
    add a0, a0, a1
    sbi 0x54494d46
    la t0, ticked
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function handler
    la t0, ticked
    li t1, 1
    sd t1, 0(t0)
    li a0, -1
    sbi SBI_TIME
    sret
ends handler
zeroed ticked, 8
zeroed table, 1024
