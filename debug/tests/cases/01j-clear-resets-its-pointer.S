# expect: bss
# words: erases; main
# ld: bssonly.ld
# why: A clear by bytes keeps its pointer on the stack, which is first in BSS. It zeroes the pointer's low byte, goes back, and never ends.
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
    addi sp, sp, -32
    sd ra, 24(sp)
    la t0, __bss
    sd t0, 8(sp)
    la t1, __bss_end
1:  ld t0, 8(sp)
    bgeu t0, t1, 2f
    sb zero, 0(t0)
    ld t0, 8(sp)
    addi t0, t0, 1
    sd t0, 8(sp)
    j 1b
2:  rest_here
ends main
zeroed counter, 16
