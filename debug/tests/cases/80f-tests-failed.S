# expect: idle
# words: FAILED
# why: The test runner in the kernel says that tests failed, and idles.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, text
3:  lbu t1, 0(t0)
    beqz t1, 4f
    li t2, 0x10000000
    sb t1, 0(t2)
    addi t0, t0, 1
    j 3b
4:  rest_here
ends main
    .section .rodata
text: .asciz "running 3 tests\ntest alloc ... ok\ntest fs ... FAILED\ntest result: FAILED. 2 passed; 1 failed\n"
zeroed table, 64
