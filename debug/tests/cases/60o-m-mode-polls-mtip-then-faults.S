# expect: trap
# words: address 0x10
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: It waits for a pending bit of mip, which the timer sets by itself, and then loads through a null pointer.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t2, 5000000
    add t1, t1, t2
    li t0, 0x02004000
    sd t1, 0(t0)
    li t2, 1 << 7
1:  csrr t0, mip
    and t0, t0, t2
    beqz t0, 1b
    ld t0, 16(zero)
    rest_here
ends main
    .balign 4
function handler
    j handler
ends handler
zeroed table, 64
