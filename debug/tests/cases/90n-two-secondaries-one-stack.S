# expect: stack
# flags: --smp 3
# words: harts 1 and 2 both use the stack below 0x[0-9a-f]+ \(of others_stack\): hart \d pushes at 0x[0-9a-f]+ <work\S+>, over a frame of hart \d, which reads it back; "try": "[^"]*own
# why: The boot hart has a stack of its own; it starts two others, which set sp to the same top, and each returns to what the other pushed.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    mv s0, a0
    clear_bss_here
    start_others_here 3, second
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
    la sp, others_stack + 4096
    mv s0, a0
    call work
    rest_here
ends second
zeroed others_stack, 4096, 16
