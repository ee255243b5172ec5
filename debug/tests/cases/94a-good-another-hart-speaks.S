# expect: pass
# flags: --smp 2 --expect !
# why: The boot hart starts another one and rests; the other one computes for a while and then says what is expected.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 2, worker
    rest_here
ends main
function worker
    li t1, 30000000
1:  addi t1, t1, -1
    bnez t1, 1b
    li a0, '!'
    sbi 1
    rest_here
ends worker
zeroed word, 8
