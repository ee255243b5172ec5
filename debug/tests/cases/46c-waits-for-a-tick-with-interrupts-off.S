# expect: idle
# words: waits for ever for the word.*ticks.*interrupts are off .sstatus.SIE is 0
# why: The tick is pending and ends each wfi, but sstatus.SIE is 0, so the handler that counts it never runs.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 20000
    li t0, 0x20
    csrs sie, t0
1:  call pause
    la t0, ticks
    ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends main
function pause
    wfi
    ret
ends pause
.balign 4
function handler
    la t0, ticks
    sd t0, 0(t0)
    li t1, 0x20
    csrc sie, t1
    sret
ends handler
zeroed ticks, 64
