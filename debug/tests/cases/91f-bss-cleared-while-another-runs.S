# expect: races
# on: embedded
# flags: --smp 2 --schedules 200
# words: hart \d clears BSS; erases arrived
# why: The hart that boots starts the other before it clears BSS, and nobody waits for what is erased.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    clear_bss_here
    rest_here
ends main
function second
    la t0, arrived
    li t1, 1
    amoadd.d zero, t1, (t0)
    rest_here
ends second
zeroed arrived, 64
