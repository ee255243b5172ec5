# expect: idle
# words: printed more and more
# flags: --timeout 3
# why: It prints without a pause, for ever: more than what is kept of a console, which then does not grow.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    li t1, 0x10000000
    li a0, 'x'
1:  sb a0, 0(t1)
    addi t2, t2, 1
    j 1b
ends main
zeroed table, 64
