# expect: schedules
# on: embedded
# flags: --smp 2 --schedules 200
# words: under \d+: idle: waits for ever; ready; the same as a boot that passes: then hart \d goes on at
# why: The hart that boots starts the other before it clears BSS. If the other is fast, its word is erased, and is waited for for ever.
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
    la t0, ready
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function second
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
zeroed ready, 64
