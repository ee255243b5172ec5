# expect: pass
# words: waits for interrupts
# why: Interrupts are off in sstatus, and the timer's ends each wfi: the kernel looks at sip, sets the timer and waits again, for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li t0, 32
    csrs sie, t0
1:  timer_in 100000
2:  wfi
    csrr t0, sip
    andi t0, t0, 32
    beqz t0, 2b
    j 1b
ends main
zeroed table, 512
