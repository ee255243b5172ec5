# expect: bss
# words: erases; main
# ld: bssinfile.ld
# flags: --stack-bottom stack_low --stack-top stack_high
# why: The stack lies in BSS, which is in the file. The clear, which BSS does not need, erases the return address that main just saved.
.include "k.inc"
boot_here
    la sp, stack_high
    call main
    rest_here
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    call clear
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends main
function clear
    clear_bss_here
    ret
ends clear
zeroed table, 1024
    .globl stack_low, stack_high
    .balign 16
stack_low: .space 4096
stack_high:
initialised neighbour, 0x1234, behind
