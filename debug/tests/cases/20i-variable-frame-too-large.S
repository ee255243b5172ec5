# expect: margin
# words: overflow ; frame of 65536 bytes in work
# why: A variable-length array, as clang makes one: the frame is computed in another register, and copied to sp.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s1, 1024
    li s2, 65536
1:  mv a0, s1
    call work
    slli s1, s1, 1
    bleu s1, s2, 1b
    rest_here
ends main
function work
    addi sp, sp, -16
    sd ra, 8(sp)
    sd s0, 0(sp)
    addi s0, sp, 16
    sub a1, sp, a0
    mv sp, a1
    sd a0, 0(a1)
    addi sp, s0, -16
    ld ra, 8(sp)
    ld s0, 0(sp)
    addi sp, sp, 16
    ret
ends work
zeroed table, 64
