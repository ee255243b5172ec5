# expect: pass
# ld: nostack.ld
# why: The stack is in free memory below the image, where no symbol marks its bottom; it uses 40 KiB (U-Boot does so).
.include "k.inc"
boot_here
    la sp, boot
    j main
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    call deep
    rest_here
ends main
function deep
    li t0, -40960
    add sp, sp, t0
    sd ra, 0(sp)
    ld ra, 0(sp)
    li t0, 40960
    add sp, sp, t0
    ret
ends deep
zeroed table, 64
