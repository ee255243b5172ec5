# expect: pass
# words: ticking
# why: Linux's convention: sscratch is 0 in the kernel. The handler swaps tp with it, finds 0, takes the value back, and stays on the kernel's stack.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la tp, hart
    csrw sscratch, zero
    la t0, handler
    csrw stvec, t0
    ebreak
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    csrrw tp, sscratch, tp
    bnez tp, from_user
    csrr tp, sscratch
    csrw sscratch, zero
    addi sp, sp, -64
    sd t0, 0(sp)
    sd a0, 8(sp)
    sd a1, 16(sp)
    sd a6, 24(sp)
    sd a7, 32(sp)
    csrr t0, scause
    bltz t0, 1f
    csrr t0, sepc
    addi t0, t0, 2
    csrw sepc, t0
    j 2f
1:  timer_in 10000
2:  ld t0, 0(sp)
    ld a0, 8(sp)
    ld a1, 16(sp)
    ld a6, 24(sp)
    ld a7, 32(sp)
    addi sp, sp, 64
    sret
from_user:
    wfi
    j from_user
ends handler
zeroed hart, 64
