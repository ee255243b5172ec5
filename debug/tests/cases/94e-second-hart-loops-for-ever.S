# expect: idle
# flags: --smp 2 --timeout 6
# words: waits.* for the (word|lock) at 0x[0-9a-f]+ <done>
# why: The second hart counts with eight bits up to 256, for ever, and the boot hart waits for it.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 2, second
    la t0, done
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function second
    li t2, 256
    li t1, 0
1:  addi t1, t1, 1
    andi t1, t1, 255
    bne t1, t2, 1b
    la t0, done
    sd t2, 0(t0)
    rest_here
ends second
zeroed done, 8
