# expect: pass
# flags: --smp 2
# words: waits for interrupts \(wfi\); hart [01] still runs, at 0x[0-9a-f]+ <second
# why: The second hart is parked in a loop for a word that nobody sets, as many kernels have it, and the boot hart rests. That is said.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    rest_here
ends main
function second
    la t0, release
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends second
zeroed release, 8
