# expect: idle
# words: lock; no interrupt is enabled
# why: spin::Mutex locked twice on one hart: amoswap for ever, interrupts off. Nobody can release it (every Rust kernel's println in a lock).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    call lock_acquire
    call lock_acquire
    rest_here
ends main
function lock_acquire
    la t0, lock
    li t1, 1
1:  amoswap.w.aq t2, t1, (t0)
    bnez t2, 1b
    ret
ends lock_acquire
zeroed lock, 64
