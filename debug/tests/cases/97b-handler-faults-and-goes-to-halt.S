# expect: trap
# words: address 0x8; load
# why: The handler is one function, as a compiler makes it: at the tick it loads through a null pointer, is entered anew for that exception, and
# goes to a function that halts.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 10000
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    csrr t0, scause
    bgez t0, 1f
    la t0, task
    ld t0, 0(t0)
    ld t1, 8(t0)
    ld t0, 0(sp)
    addi sp, sp, 32
    sret
1:  j halt
ends handler
function halt
1:  wfi
    j 1b
ends halt
zeroed task, 8
