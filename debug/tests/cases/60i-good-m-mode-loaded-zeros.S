# expect: pass
# words: loaded as zeros
# ld: 60i-good-m-mode-loaded-zeros.ld
# flags: --bios none
# why: As xv6: no symbols mark BSS and nothing clears it. It is loaded as an ELF file, whose loader promises zeros.
.include "k.inc"
boot_here
    la sp, stack0
    li t0, 4096
    csrr t1, mhartid
    addi t1, t1, 1
    mul t0, t0, t1
    add sp, sp, t0
    call start
ends boot
function start
    addi sp, sp, -16
    sd ra, 8(sp)
    la t0, lock
    ld t1, 0(t0)
    bnez t1, 1f
    li t1, 1
    sd t1, 0(t0)
    rest_here
1:  unimp
ends start
zeroed lock, 8
zeroed stack0, 32768, 16
