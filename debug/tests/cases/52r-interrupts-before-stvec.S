# expect: trap
# words: stvec
# why: A boot loader left stvec at 0, and interrupts are let in before it is set: the tick leads to address 0.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    csrw stvec, zero
    timer_in 1000
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
    li t0, 10000000
1:  addi t0, t0, -1
    bnez t0, 1b
    la t0, handler
    csrw stvec, t0
    rest_here
ends main
    .balign 4
function handler
    timer_in 100000
    sret
ends handler
zeroed table, 64
