# expect: idle
# words: fatal
# why: As Zephyr: `z_fatal_error` ends in `arch_system_halt`, a loop of its own.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    call z_fatal_error
ends main
function z_fatal_error
    addi sp, sp, -16
    sd ra, 8(sp)
    call arch_system_halt
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends z_fatal_error
function arch_system_halt
1:  j 1b
ends arch_system_halt
zeroed table, 1024
