# expect: pass
# why: Linux's names: the stack is an object that ends where BSS begins, and no symbol is called as a stack.
.include "k.inc"
    .section .text.boot,"ax",@progbits
    .globl _start
    .type _start,@function
_start:
    la sp, init_thread_union + 16384
    la t0, __bss_start
    la t1, __bss_stop
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  tail start_kernel
    .size _start, .-_start
function start_kernel
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends start_kernel
    .section .data,"aw"
    .balign 16384
    .globl init_thread_union
    .type init_thread_union,@object
    .size init_thread_union, 16384
init_thread_union: .space 16384
zeroed table, 512
