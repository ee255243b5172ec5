# expect: trap
# words: mcause|M-mode
# why: The handler reads mcause and returns by mret: it was written for M-mode, and faults in itself.
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
    rest_here
ends main
    .balign 4
function handler
    csrr t0, mcause
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    mret
ends handler
zeroed table, 1024
