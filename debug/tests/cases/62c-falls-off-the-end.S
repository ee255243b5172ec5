# expect: trap
# words: illegal instruction|access fault|code
# why: boot calls main, main returns, and boot has nothing behind the call: the hart runs into the next section.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
ends boot
    .section .text.boot,"ax",@progbits
    .word 0
function main
    clear_bss_here
    ret
ends main
zeroed table, 1024
