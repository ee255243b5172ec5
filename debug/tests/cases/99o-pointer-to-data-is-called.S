# expect: trap
# words: not code.*called at 0x\w+ <main\+0x\w+>.* through the pointer at 0x\w+ <hook>
# why: As 99n; what the copy leaves there is the address of data, which holds no instruction.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, greets
    la t1, hook
    sd t0, 0(t1)
    la t0, array
    li t1, 9
    la t2, nothing
1:  sd t2, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    la t0, hook
    ld t0, 0(t0)
    jalr t0
    rest_here
ends main
function greets
    ret
ends greets
zeroed array, 64
zeroed hook, 8
zeroed nothing, 8
