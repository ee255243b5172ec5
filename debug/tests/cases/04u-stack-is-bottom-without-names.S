# expect: stack
# words: boot_stack; low end|grows downwards
# ld: bssonly.ld
# why: sp is an array's first byte; another array, which ends there, is no stack.
.include "k.inc"
boot_here
    la sp, boot_stack
    call main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends main
zeroed buffer, 8192, 16
zeroed boot_stack, 8192, 16
