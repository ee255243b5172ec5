# expect: pass
# flags: --smp 2
# why: The hart that the kernel starts takes an ebreak in its own handler, which returns, and rests.
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
    la t0, ready
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function second
    la t0, handler
    csrw stvec, t0
    .option push
    .option norvc
    ebreak
    .option pop
    la t0, ready
    li t1, 1
    sd t1, 0(t0)
    rest_here
ends second
function handler
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
ends handler
zeroed ready, 8
zeroed table, 1024
