# expect: idle
# on: qemu
# flags: --smp 4
# words: waits for ever for the lock; no other hart changes it
# why: A worker takes the lock once more and never releases it; the others wait for it for ever, after each of them has had it.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 4, worker
1:  call take
    call compute
    call release
    j 1b
ends main
function worker
    li s6, 50
1:  call take
    call compute
    call release
    addi s6, s6, -1
    bnez s6, 1b
    call take
    rest_here
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
