# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none --smp 2
# why: Hart 1 polls the word of its software interrupt in the CLINT, with no interrupt enabled; hart 0 sets it after some millions of instructions and waits for an answer.
.include "k.inc"
.equ CLINT, 0x02000000
boot_here
    csrr t0, mhartid
    bnez t0, second
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t1, 9000000
1:  addi t1, t1, -1
    bnez t1, 1b
    li t0, CLINT
    li t1, 1
    fence rw, w
    sw t1, 4(t0)
    la t0, answer
2:  lw t1, 0(t0)
    beqz t1, 2b
    rest_here
ends main
function second
    li t0, CLINT
1:  lw t1, 4(t0)
    beqz t1, 1b
    sw zero, 4(t0)
    la t0, answer
    li t1, 1
    fence rw, w
    sw t1, 0(t0)
    rest_here
ends second
initialised answer, 0, answer
