# expect: bss
# words: first|leaves|not cleared
# why: As 80o; a pair's end is wrong by 64 bytes, inside BSS: they are left out.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    la s0, zero_table
    la s1, zero_table_end
1:  bgeu s0, s1, 3f
    ld t0, 0(s0)
    ld t1, 8(s0)
2:  bgeu t0, t1, 4f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 2b
4:  addi s0, s0, 16
    j 1b
3:  la t0, second
    sd t0, 0(t0)
    rest_here
ends main
zeroed first, 512
zeroed second, 512
    .section .rodata
    .balign 8
zero_table:
    .dword second, __bss_end, __bss, second - 64
zero_table_end:
