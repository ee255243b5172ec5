# expect: pass
# flags: --smp 2
# why: The second hart takes an ebreak again and again, and its handler returns each time: a machine is mostly stopped in it.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    xori a0, a0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
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
    li t1, 10
2:  addi t1, t1, -1
    bnez t1, 2b
    sret
ends handler
zeroed table, 1024
