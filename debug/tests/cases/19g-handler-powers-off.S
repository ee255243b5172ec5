# expect: trap
# words: load.*access fault
# why: The handler of an access fault powers off as if all were well.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t1, 0x20
    ld t0, 0(t1)
    rest_here
ends main
function handler
    li a0, 0
    li a1, 0
    sbi SBI_SRST
ends handler
zeroed count, 8
