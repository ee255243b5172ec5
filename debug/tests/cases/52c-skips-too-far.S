# expect: trap
# words: illegal instruction
# why: The handler skips 4 bytes over a compressed ebreak, and lands in the middle of the next instruction.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    .option push
    .option rvc
    c.ebreak
    .option norvc
    .balign 2
    .4byte 0x00000537              # lui a0, 0
    .option pop
    rest_here
ends main
    .balign 4
function handler
    csrr t0, scause
    li t1, 3
    bne t0, t1, dead
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
ends handler
function dead
    wfi
    j dead
ends dead
zeroed table, 1024
