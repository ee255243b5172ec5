# expect: trap
# flags: --smp 2
# words: on hart [01]; load access fault; never returned
# why: The boot hart starts another one and stops itself; the other one's twentieth tick loads from address 0, and the handler of that stops.
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
    la t0, handler
    csrw stvec, t0
    li s2, 20
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends second
function handler
    csrr t0, scause
    bgez t0, 2f
    timer_in 100000
    addi s2, s2, -1
    bnez s2, 1f
    ld t0, 0(zero)
1:  sret
2:  wfi
    j 2b
ends handler
zeroed table, 1024
