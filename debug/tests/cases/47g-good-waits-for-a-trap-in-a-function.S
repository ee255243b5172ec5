# expect: pass
# why: A function awaits one tick: stvec is a label in it, behind the wfi, and it returns from there, with interrupts off as they were before.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
1:  wfi
    j 1b
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    timer_in 10000
    call await
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends main
    .balign 4
function await
    la t0, 2f
    csrw stvec, t0
    li t0, 1 << 5
    csrs sie, t0
    csrsi sstatus, 2
1:  wfi
    j 1b
    .balign 4
2:  csrw sie, zero
    ret
ends await
