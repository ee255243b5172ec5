# expect: pass
# flags: --smp 2
# why: The boot hart goes to the stack of its idle task, for ever, before it starts the other hart, which begins on the boot's stack.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    call work
    la sp, idle_stack + 4096
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    call work
    rest_here
ends main
function work
    addi sp, sp, -32
    sd ra, 24(sp)
    sd s0, 16(sp)
    li t0, 100000
1:  addi t0, t0, -1
    bnez t0, 1b
    ld ra, 24(sp)
    ld s0, 16(sp)
    addi sp, sp, 32
    ret
ends work
function second
    la sp, __stack_top
    mv s0, a0
    call work
    rest_here
ends second
zeroed idle_stack, 4096, 16
