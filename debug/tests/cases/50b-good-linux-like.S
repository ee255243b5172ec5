# expect: pass
# flags: --stack-top init_stack+16384
# why: Linux's order: interrupts masked, gp, FS off, the lottery in .data, BSS cleared, then tp, sp below the top by a pt_regs, and C.
.include "k.inc"
boot_here
    csrw sie, zero
    csrw sip, zero
    li t0, 3 << 13
    csrc sstatus, t0
    la t0, lottery
    li t1, 1
    amoadd.w t2, t1, (t0)
    bnez t2, 9f
    la a3, __bss
    la a4, __bss_end
    ble a4, a3, 2f
1:  sd zero, (a3)
    addi a3, a3, 8
    blt a3, a4, 1b
2:  sd a0, boot_hart, t0
    la tp, init_task
    la sp, init_stack + 16384
    addi sp, sp, -288
    la t0, trap
    csrw stvec, t0
    csrw sscratch, zero
    tail start_kernel
9:  wfi
    j 9b
ends boot
function start_kernel
    addi sp, sp, -64
    sd ra, 56(sp)
    rest_here
ends start_kernel
function trap
    wfi
    j trap
ends trap
    .section .data,"aw"
    .balign 8
lottery: .dword 0
    .balign 4096
    .globl init_stack
    .type init_stack,@object
    .size init_stack,16384
init_stack: .zero 16384
    .globl init_task
init_task: .zero 256
zeroed boot_hart, 8
zeroed counters, 512
