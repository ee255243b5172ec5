# expect: pass
# why: The timer is due and its interrupt enabled in sie, but interrupts are off in sstatus: each wfi ends at once, and the loop changes nothing.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li a0, 0
    sbi SBI_TIME
    li t0, 32
    csrs sie, t0
    rest_here
ends main
zeroed table, 1024
