# expect: idle|trap
# words: is not the (one|file's)|in the file it is; overwrote it
# why: An allocator hands out the kernel's own first page, and clears it, and with it the loop that does so.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la a0, boot
    call clear_page
    rest_here
ends main
function clear_page
    mv a5, a0
    li a4, 4096
    add a4, a4, a0
1:  addi a5, a5, 1
    sb zero, -1(a5)
    bne a4, a5, 1b
    ret
ends clear_page
zeroed table, 64
