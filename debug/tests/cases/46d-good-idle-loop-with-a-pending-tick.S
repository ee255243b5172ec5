# expect: pass
# why: An idle loop with interrupts off: a pending tick ends each wfi, and it looks for work again. It does the work, and comes back.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    timer_in 20000
    li t0, 0x20
    csrs sie, t0
1:  wfi
    la t0, work
    ld t1, 0(t0)
    beqz t1, 1b
    sd zero, 0(t0)
    la t0, done
    sd t1, 0(t0)
    j 1b
ends main
zeroed work, 8
zeroed done, 64
