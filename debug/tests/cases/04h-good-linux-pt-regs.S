# expect: pass
# words: -
# why: Linux's order: pt_regs below the top
.include "k.inc"

boot_here
    csrw sie, zero
    csrw sip, zero
    li t0, 0x6000
    csrc sstatus, t0
    mv s0, a0
    mv s1, a1
    la t0, __bss
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    blt t0, t1, 1b
    la tp, init_task
    la sp, __stack_top
    addi sp, sp, -288
    mv a0, s1
    call setup_vm
    la sp, __stack_top
    addi sp, sp, -288
    tail main
ends boot
function setup_vm
    addi sp, sp, -32
    sd ra, 24(sp)
    sd a0, dtb, t0
    ld ra, 24(sp)
    addi sp, sp, 32
    ret
ends setup_vm
function main
    rest_here
ends main
zeroed init_task, 512
zeroed dtb, 8
