# expect: pass
# words: -
# why: A shell that polls with the legacy call.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    li a0, '>'
    li a7, 1
    ecall
1:  li a7, 2
    ecall
    bltz a0, 1b
    li a7, 1
    ecall
    j 1b
ends main
zeroed table, 1024
