# expect: pass
# ld: 50a-good-rcore-names.ld
# why: rCore's names and its stack inside .bss, in front of sbss: `_start`, `boot_stack_top`, `sbss`, `ebss`.
.include "k.inc"
    .section .text.entry,"ax"
    .globl _start
    .type _start,@function
_start:
    la sp, boot_stack_top
    call rust_main
    .size _start, .-_start
function rust_main
    addi sp, sp, -32
    sd ra, 24(sp)
    call clear_bss
    li t0, 7
    sd t0, counter, t1
    rest_here
ends rust_main
function clear_bss
    la t0, sbss
    la t1, ebss
1:  bgeu t0, t1, 2f
    sb zero, 0(t0)
    addi t0, t0, 1
    j 1b
2:  ret
ends clear_bss
zeroed counter, 64
    .section .bss.stack,"aw",@nobits
    .globl boot_stack_lower_bound
boot_stack_lower_bound:
    .space 65536
    .globl boot_stack_top
boot_stack_top:
