# expect: pass
# words: -
# why: uCore: bootstack in .data, bootstacktop
.include "k.inc"

boot_here
    la sp, bootstack_top
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 0(sp)
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
    .section .data,"aw"
    .balign 16
    .globl bootstack
bootstack: .zero 8192
    .globl bootstack_top
bootstack_top:
