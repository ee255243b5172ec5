# expect: pass
# ld: 60l-good-m-mode-headers-below-ram.ld
# flags: --bios none
# why: As linkers do with -Ttext=0x80000000 alone: the ELF headers are loaded in front of the first section, where no memory is.
.include "k.inc"
boot_here
    csrr t0, mhartid
    bnez t0, 1f
    la sp, stack0 + 4096
    call start
1:  wfi
    j 1b
ends boot
function start
    addi sp, sp, -16
    sd ra, 8(sp)
    rest_here
ends start
zeroed stack0, 4096, 16
