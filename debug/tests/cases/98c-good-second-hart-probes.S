# expect: pass
# flags: --smp 2
# why: The second hart tries a CSR with its vector at the next instruction but one, which is the way Linux and OpenSBI probe, and rests.
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
    la t0, 1f
    csrw stvec, t0
    csrr t1, 0x5c0
    .balign 4
1:  rest_here
ends second
zeroed table, 1024
