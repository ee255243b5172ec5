# expect: pass
# words: waits for interrupts
# why: An idle loop looks for work, does it, and comes back. Nothing is enabled that brings any: it rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
1:  la t0, work
    ld t1, 0(t0)
    beqz t1, 2f
    sd zero, 0(t0)
    call do_it
    j 1b
2:  wfi
    j 1b
ends main
function do_it
    la t0, done
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ret
ends do_it
zeroed work, 8
zeroed done, 64
