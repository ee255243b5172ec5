# expect: bss
# words: console_ready; clear|erase
# why: boot clears BSS, early_init stores in it, and start clears it again: the value is lost, and the kernel panics for it.
.include "k.inc"
boot_here
    clear_bss_here
    la sp, __stack_top
    call early_init
    call start
ends boot
function early_init
    la t0, console_ready
    li t1, 1
    sd t1, 0(t0)
    ret
ends early_init
function start
    addi sp, sp, -16
    clear_bss_here
    la t0, console_ready
    ld t1, 0(t0)
    beqz t1, 1f
    rest_here
1:  call panic
ends start
function panic
    wfi
    j panic
ends panic
zeroed table, 1000
zeroed console_ready, 8
