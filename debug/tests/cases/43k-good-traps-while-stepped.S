# expect: pass
# words: 2 exceptions
# why: A debugger that steps the hart, to see what it is busy with, meets the trap and the return: neither is lost.
.include "k.inc"
.option norvc

# Waits until four steps in a row took 20 us each, as they do where a debugger makes them, or for 0.5 s.
.macro until_stepped
    rdtime t0
    li t4, 5000000
    add t4, t4, t0
.Lagain\@:
    li t2, 4
.Lmeasure\@:
    mv t1, t0
    rdtime t0
    bgeu t0, t4, .Lstepped\@
    sub t1, t0, t1
    li t3, 100
    bltu t1, t3, .Lagain\@
    addi t2, t2, -1
    bnez t2, .Lmeasure\@
.Lstepped\@:
.endm

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, slow_handler
    csrw stvec, t0
    ebreak
    la t0, handler
    csrw stvec, t0
    until_stepped
    unimp
    rest_here
ends main
function slow_handler
    until_stepped
function handler
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
ends handler
ends slow_handler
zeroed table, 1024
