# expect: idle
# ld: 60a-good-m-mode.ld
# words: storm; machine timer interrupt
# flags: --bios none
# why: S-mode rests, entered by mret. M-mode's timer comes after 100 ms, and its handler does not set it again.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0xf
    csrw pmpcfg0, t0
    la t0, machine_handler
    csrw mtvec, t0
    la t0, machine_frame
    csrw mscratch, t0
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t0, 1000000
    add t1, t1, t0
    li t0, 0x02004000
    sd t1, 0(t0)
    li t0, 1 << 7
    csrs mie, t0
    li t0, 2
    csrs mideleg, t0
    li t0, 3 << 11
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    mret
ends boot
function main
    la t0, handler
    csrw stvec, t0
    rest_here
ends main
    .balign 4
function machine_handler
    csrrw sp, mscratch, sp
    sd t0, 0(sp)
    sd t1, 8(sp)
    ld t0, 0(sp)
    ld t1, 8(sp)
    csrrw sp, mscratch, sp
    mret
ends machine_handler
    .balign 4
function handler
    sret
ends handler
zeroed ticks, 8
zeroed machine_frame, 64
