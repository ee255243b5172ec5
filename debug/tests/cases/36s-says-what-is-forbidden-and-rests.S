# expect: idle
# words: forbidden; WARNING: no disk
# flags: --forbid WARN(ING)?
# why: It rests before anybody looks at the console, which said what is forbidden in the middle.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    la s0, text
    li s1, 0x10000000
1:  lbu t0, 0(s0)
    beqz t0, 2f
    sb t0, 0(s1)
    addi s0, s0, 1
    j 1b
2:  rest_here
ends boot
    .section .rodata
text: .asciz "up\nWARNING: no disk\nready\n"
zeroed table, 64
