# expect: trap
# words: access fault ; CLINT
# why: It sets the timer in the CLINT, as a kernel for M-mode does.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t0, 0x2004000
    li t1, -1
    sd t1, 0(t0)
    rest_here
ends main
zeroed table, 64
