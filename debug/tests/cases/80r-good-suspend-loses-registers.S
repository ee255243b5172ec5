# expect: pass
# why: HSM suspend, non-retentive: the hart comes back at `resumed` by its timer, with its stack set again, and then rests.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    timer_in 200000
    li t0, 32
    csrs sie, t0
    li a0, 0x80000000
    la a1, resumed
    li a2, 42
    sbi SBI_HSM, 3
    j panic
ends main
function resumed
    la sp, __stack_top
    li t0, 42
    bne a1, t0, 1f
    li t0, 32
    csrc sie, t0
    rest_here
1:  call panic
ends resumed
function panic
    wfi
    j panic
ends panic
zeroed table, 64
