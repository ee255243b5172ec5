# expect: idle
# flags: --smp 2
# words: waits for ever for the word at 0x[0-9a-f]+ <release>
# why: The boot hart starts another one and stops itself; the other one waits for a word that nobody sets any more.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    sbi SBI_HSM, 1
    rest_here
ends main
function second
    la t0, release
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends second
zeroed release, 8
