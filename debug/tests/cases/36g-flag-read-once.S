# expect: idle
# words: waits for ever for a value in a5; volatile
# why: The compiler read the flag once, before the loop: the tick's handler sets it in memory, and the loop tests the register.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 100000
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
    la t0, ready
    ld a5, 0(t0)
1:  beqz a5, 1b
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    li t0, 1 << 5
    csrc sie, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed ready, 8
