# expect: bss
# words: beside|beyond|far
# why: The clear goes on for 16 bytes behind __bss_end.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    la t0, __bss
    la t1, __bss_end
    addi t1, t1, 16
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  rest_here
ends main
zeroed table, 1024
