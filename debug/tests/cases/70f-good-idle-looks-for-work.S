# expect: pass
# why: An idle loop that looks through a run queue for work, interrupts on, no timer: it waits for an external interrupt (PLIC) to bring some. It is at rest.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 0x200
    csrs sie, t0
    csrsi sstatus, 2
2:  la t0, queue
    li t2, 16
1:  ld t1, 0(t0)
    bnez t1, run
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    j 2b
run: jr t1
ends main
function handler
    sret
ends handler
zeroed queue, 128
