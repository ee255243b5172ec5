# expect: bss
# words: erases; main
# ld: bssonly.ld
# why: The stack is first in BSS. The clear comes to main's frame before it has cleared anything else; main does not return, but its frame is lost.
.include "k.inc"
    .section .bss,"aw",@nobits
    .balign 16
    .globl stack
    .type stack,@object
    .size stack, 16384
stack: .space 16384
boot_here
    la sp, stack + 16384
    call main
ends boot
function main
    addi sp, sp, -16
    sd s0, 0(sp)
    mv s0, a1
    sd ra, 8(sp)
    la a0, __bss
    la a1, __bss_end
    call clear
    rest_here
ends main
function clear
1:  sb zero, 0(a0)
    addi a0, a0, 1
    bne a0, a1, 1b
    ret
ends clear
zeroed counter, 16
