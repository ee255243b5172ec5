# expect: pass
# words: -
# why: A lottery before the clear whose word lies in .data: Linux's order.
.include "k.inc"

boot_here
    la t0, lock
    li t1, 1
1:  amoswap.w.aq t2, t1, (t0)
    bnez t2, 1b
    la sp, __stack_top
    la t0, __bss
    la t1, __bss_end
2:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 2b
    la t0, lock
    amoswap.w.rl zero, zero, (t0)
    j main
ends boot
function main
    rest_here
ends main
zeroed table, 1024
    .data
    .balign 8
    .globl lock
lock: .dword 0
