# expect: pass
# why: It polls sip for the timer's bit, and has set the timer.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    timer_in 1000000
    li t1, 1 << 5
1:  csrr t0, sip
    and t0, t0, t1
    beqz t0, 1b
    rest_here
ends main
zeroed table, 64
