# expect: pass
# on: both
# flags: --smp 2
# why: A worker clears memory that was used, page after page, and says so then: the boot hart waits for that with interrupts off, and not in vain.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    li t0, 0x82000000
    li t1, 0x87000000
    li t2, 4096
1:  sd t0, 0(t0)
    add t0, t0, t2
    bltu t0, t1, 1b
    start_others_here 2, worker
    la t2, cleared
1:  lw t0, 0(t2)
    beqz t0, 1b
    fence r, rw
    rest_here
ends main
function worker
    li t0, 0x82000000
    li t1, 0x87000000
1:  sb zero, 0(t0)
    addi t0, t0, 1
    bltu t0, t1, 1b
    fence rw, w
    la t0, cleared
    li t1, 1
    sw t1, 0(t0)
    rest_here
ends worker
zeroed cleared, 8
