# expect: pass
# ld: 60a-good-m-mode.ld
# flags: --bios none
# why: A kernel for M-mode with a periodic timer of the CLINT.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw mtvec, t0
    call next
    li t0, 128
    csrs mie, t0
    csrsi mstatus, 8
    rest_here
ends main
function next
    li t0, 0x0200bff8
    ld t1, 0(t0)
    li t0, 100000
    add t1, t1, t0
    li t0, 0x02004000
    sd t1, 0(t0)
    ret
ends next
    .balign 4
function handler
    addi sp, sp, -32
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd t1, 16(sp)
    call next
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld t1, 16(sp)
    addi sp, sp, 32
    mret
ends handler
zeroed table, 1024
