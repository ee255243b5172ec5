# expect: margin|trap
# words: trap_stack
# why: The trap stack is 256 bytes, and the handler's frame 272 and more.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    la t0, trap_stack + 256
    csrw sscratch, t0
    ebreak
    rest_here
ends main
    .balign 4
function handler
    csrrw sp, sscratch, sp
    addi sp, sp, -272
    sd t0, 0(sp)
    sd ra, 8(sp)
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld t0, 0(sp)
    ld ra, 8(sp)
    addi sp, sp, 272
    csrrw sp, sscratch, sp
    sret
ends handler
zeroed victim, 256, 16
zeroed trap_stack, 256, 16
zeroed table, 1024
