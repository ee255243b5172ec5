# expect: idle
# words: panic
# why: It waits for a device for two seconds by the time CSR, then panics. To read a device's register is not to wait for input.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    li s0, 0x10001000
    rdtime s1
    li t0, 20000000
    add s1, s1, t0
1:  lw t0, 0x70(s0)
    bnez t0, 2f
    rdtime t0
    bltu t0, s1, 1b
    call panic
2:  rest_here
ends main
function panic
    wfi
    j panic
ends panic
zeroed table, 64
