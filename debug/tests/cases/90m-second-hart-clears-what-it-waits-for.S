# expect: bss
# flags: --smp 2
# words: started; cleared BSS a second time; other harts|branch
# why: The first hart tells that all is set up, and rests. The second clears BSS, and with it the word, for which it waits for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    clear_bss_here
    la t0, started
    li t1, 1
    sd t1, 0(t0)
    xori a0, s0, 1
    la a1, second
    la a2, second_stack_top
    sbi SBI_HSM, 0
    rest_here
ends boot
function second
    mv sp, a1
    clear_bss_here
    la t0, started
1:  ld t1, 0(t0)
    beqz t1, 1b
    rest_here
ends second
    .section .data
    .balign 16
second_stack: .space 4096
second_stack_top:
zeroed started, 8
zeroed table, 64
