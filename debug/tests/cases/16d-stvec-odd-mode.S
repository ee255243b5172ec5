# expect: trap
# words: stvec|handler ; align
# why: The handler stands at 2 modulo 4, and an ebreak leads elsewhere.
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
    .section .text
    .balign 4
    c.nop
    .globl handler
    .type handler,@function
handler:
    csrr t0, sepc
    addi t0, t0, 2
    csrw sepc, t0
    sret
    .size handler, .-handler
zeroed table, 1024
