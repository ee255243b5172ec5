# expect: pass
# words: tick|waits
# why: Tickless idle: the timer is set to the next thing to do, in turn 1 s, 3 s and 10 ms ahead.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li s1, 10000000
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    rdtime a0
    add a0, a0, s1
    li t0, 30000000
    beq s1, t0, 1f
    mv s1, t0
    j 2f
1:  li s1, 100000
2:  sbi SBI_TIME
    sret
ends handler
zeroed table, 64
