# expect: pass
# why: Two hundred frames are made, one a tick, and given back.
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
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    li s5, 200
deeper:
    addi sp, sp, -64
    wfi
    addi s5, s5, -1
    bnez s5, deeper
    li t0, 64*200
    add sp, sp, t0
1:  wfi
    j 1b
ends main
    .balign 4
function handler
    addi sp, sp, -16
    sd ra, 8(sp)
    timer_in 100000
    ld ra, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed table, 64
