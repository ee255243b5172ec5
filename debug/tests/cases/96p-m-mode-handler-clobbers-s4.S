# expect: trap
# ld: 60a-good-m-mode.ld
# words: machine timer interrupt; s4 = ; main uses it
# flags: --bios none
# why: The timer's handler of a kernel in M-mode changes s4, which main adds up.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    call next
    li t0, 128
    csrs mie, t0
    csrsi mstatus, 8
    li s4, 0
    li s5, 3000000
1:  addi s4, s4, 3
    blt s4, s5, 1b
    rest_here
ends main
function next
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t0, 100000
    add t1, t1, t0
    li t0, 0x02004000
    sd t1, 0(t0)
    ret
ends next
    .balign 4
function handler
    addi sp, sp, -32
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    csrr s4, mcause
    call next
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    addi sp, sp, 32
    mret
ends handler
zeroed table, 1024
