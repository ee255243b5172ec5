# expect: pass
# why: Each tick ends in the idle loop, whose beginning is before its wfi: what was interrupted behind the wfi never goes on.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    la t0, tick
    csrw stvec, t0
    timer_in 100000
    li t0, 0x20
    csrs sie, t0
idle:
    csrsi sstatus, 2
    wfi
    ebreak
ends main
function tick
    timer_in 100000
    la t0, idle
    csrw sepc, t0
    sret
ends tick
