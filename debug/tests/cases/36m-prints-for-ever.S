# expect: idle
# words: print|say|console
# flags: --timeout 3
# why: It reads a character that is not there, takes the error for a character and echoes it, for ever (rCore's shell on another firmware).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
1:  li a7, 2
    ecall
    andi a0, a0, 0xff
    li t0, 0x10000000
    sb a0, 0(t0)
    j 1b
ends main
zeroed table, 1024
