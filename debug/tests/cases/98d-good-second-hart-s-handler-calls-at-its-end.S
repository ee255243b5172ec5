# expect: pass
# flags: --smp 2
# why: The second hart's handler ends in a call of a function that returns from the trap, by a jump that does not come back: the kernel counts its exceptions for ever.
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
    la t0, handler
    csrw stvec, t0
1:
    .option push
    .option norvc
    ebreak
    .option pop
    j 1b
ends second
function handler
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    call leave
ends handler
function leave
    li t1, 40
2:  addi t1, t1, -1
    bnez t1, 2b
    sret
ends leave
zeroed table, 1024
