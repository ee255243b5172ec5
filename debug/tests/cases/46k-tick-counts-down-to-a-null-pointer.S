# expect: trap
# words: address 0x0
# why: The kernel spins in a loop that changes no state. Its tick of 1 ms counts down from 300, and then calls a function that was never set.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 300
    la t1, left
    sd t0, 0(t1)
    timer_in 10000
    li t0, 0x20
    csrs sie, t0
    csrsi sstatus, 2
1:  j 1b
ends main
.balign 4
function handler
    csrr t0, scause
    bgez t0, 2f
    timer_in 10000
    la t1, left
    ld t0, 0(t1)
    addi t0, t0, -1
    sd t0, 0(t1)
    bnez t0, 1f
    la t1, callback
    ld t1, 0(t1)
    jalr t1
1:  sret
2:  j 2b
ends handler
zeroed left, 8
zeroed callback, 64
