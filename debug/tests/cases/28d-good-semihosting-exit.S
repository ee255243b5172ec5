# expect: pass
# words: powers off \(semihosting exit, status 0\)
# flags: --qemu-args=-semihosting
# why: SYS_EXIT with ADP_Stopped_ApplicationExit and code 0, on a machine that answers.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li a0, 0x18
    la a1, block
    .option push
    .option norvc
    .balign 16
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    rest_here
ends main
    .section .rodata
    .balign 8
block: .dword 0x20026, 0
zeroed table, 1024
