# expect: stack|margin
# words: below
# why: sp is lowered by 1 MiB, as if the stack were as large; it has 64 KiB.
.include "k.inc"

boot_here
    la sp, __stack_top
    li t0, 1
    slli t0, t0, 20
    sub sp, sp, t0
    call main
ends boot
function main
    clear_bss_here
    rest_here
ends main
zeroed table, 1024
