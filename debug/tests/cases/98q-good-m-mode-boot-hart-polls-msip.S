# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none --smp 2
# why: Hart 0 polls the word of its software interrupt in the CLINT, with no interrupt enabled; hart 1 sets it after some millions of instructions.
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
    li t0, CLINT
1:  lw t1, 0(t0)
    beqz t1, 1b
    sw zero, 0(t0)
    rest_here
ends main
function second
    li t1, 9000000
1:  addi t1, t1, -1
    bnez t1, 1b
    li t0, CLINT
    li t1, 1
    fence rw, w
    sw t1, 0(t0)
    rest_here
ends second
zeroed table, 1024
