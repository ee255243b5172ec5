# expect: idle
# words: timer
# why: A storm whose handler executes 3,000 instructions; the interrupted code gets on by none.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li a0, 0
    sbi SBI_TIME
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
1:  addi s0, s0, 1
    xori s1, s0, 3
    j 1b
ends main
function handler
    addi sp, sp, -256
    sd t0, 0(sp)
    sd t1, 8(sp)
    li t0, 1000
2:  addi t0, t0, -1
    bnez t0, 2b
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 256
    sret
ends handler
zeroed ticks, 8
