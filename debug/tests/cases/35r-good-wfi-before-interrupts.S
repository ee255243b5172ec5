# expect: pass
# words: waits for interrupts
# why: Linux's and Zephyr's idle loop: wfi with interrupts off in sstatus, which are let in behind it; a tick every 10 ms.
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
1:  csrci sstatus, 2
    wfi
    csrsi sstatus, 2
    nop
    j 1b
ends main
function handler
    addi sp, sp, -64
    sd t0, 0(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    timer_in 100000
    ld t0, 0(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed table, 64
