# expect: trap
# words: PMP entry 0; W is 0; binds M-mode
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: The PMP entry that is to keep programs out of the kernel's table is locked, so it binds M-mode, too: the kernel's own store traps.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    la t1, table
    srli t0, t1, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr0, t0
    li t0, 0x99
    csrw pmpcfg0, t0
    sd sp, 24(t1)
    rest_here
ends main
    .balign 4
function handler
    j handler
ends handler
zeroed table, 4096, 4096
