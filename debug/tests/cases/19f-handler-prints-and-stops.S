# expect: trap
# words: load.*access fault
# why: The handler of an access fault prints a character, and rests.
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
    li t0, 0x10000000
    li t1, '!'
    sb t1, 0(t0)
1:  wfi
    j 1b
ends handler
zeroed count, 8
