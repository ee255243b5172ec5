# expect: trap
# words: again, for ever
# why: The outer handler takes sepc from the CSR, behind a trap of its own: it returns into itself, and again, each time with 32 bytes less.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    ebreak
    la t0, table
    li t1, 5
    sd t1, 0(t0)
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    ld t1, depth
    bnez t1, 1f
    li t1, 1
    sd t1, depth, t0
    ebreak
    sd zero, depth, t0
1:  csrr t0, sepc
    addi t0, t0, 2
    csrw sepc, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 32
    sret
ends handler
zeroed depth, 8
zeroed table, 64
