# expect: pass
# on: qemu
# flags: --smp 4
# why: Others hold the lock nearly all the time, so the boot hart is mostly seen to wait for it; but each time it gets it in the end.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 4, worker
    li s6, 4000
1:  call take
    call compute
    call release
    addi s6, s6, -1
    bnez s6, 1b
    rest_here
ends main
function worker
1:  call take
    call compute
    call release
    j 1b
ends worker
function take
    la t2, lock
    li t0, 1
1:  amoswap.w.aq t1, t0, (t2)
    bnez t1, 1b
    ret
ends take
function release
    la t2, lock
    amoswap.w.rl zero, zero, (t2)
    ret
ends release
# It holds the lock for a while.
function compute
    li t1, 10000
1:  addi t1, t1, -1
    bnez t1, 1b
    ret
ends compute
zeroed lock, 8
