# expect: trap
# words: not code
# why: After 30 s of ticks it jumps into BSS.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 10000000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    la t0, number
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t2, 30
    beq t1, t2, 1f
    timer_in 10000000
    sret
1:  la t0, table
    jr t0
ends handler
zeroed number, 8
zeroed table, 64
