# expect: idle
# flags: --timeout 3
# words: still running; waits for an interrupt in sip
# why: It polls sip for the timer's bit, and never set a timer.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t1, 1 << 5
1:  csrr t0, sip
    and t0, t0, t1
    beqz t0, 1b
    rest_here
ends main
zeroed table, 64
