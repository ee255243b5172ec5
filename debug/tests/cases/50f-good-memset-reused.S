# expect: pass
# why: The clear is a memset, which is called again for a stack, a page with 0xcc and a page right behind BSS.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    addi sp, sp, -16
    sd ra, 8(sp)
    la a0, __bss
    li a1, 0
    la a2, __bss_end
    sub a2, a2, a0
    call memset
    la a0, page
    li a1, 0xcc
    li a2, 4096
    call memset
    la a0, __bss_end
    li a1, 0
    li a2, 4096
    call memset
    rest_here
ends main
function memset
    beqz a2, 2f
1:  sb a1, 0(a0)
    addi a0, a0, 1
    addi a2, a2, -1
    bnez a2, 1b
2:  ret
ends memset
zeroed page, 4096
