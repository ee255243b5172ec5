# expect: idle
# words: smp_ready|flag|memory|nothing
# why: Linux-like smp bring-up without hart_start: it spins on a word that the secondary would set. One hart, no interrupts: for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, smp_ready
1:  lw t1, 0(t0)
    fence r, rw
    beqz t1, 1b
    rest_here
ends main
zeroed smp_ready, 64
