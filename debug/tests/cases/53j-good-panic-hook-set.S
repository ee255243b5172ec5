# expect: pass
# why: `install_panic`, `set_panic_handler_fn` and `panic_init` are called and return; nothing panics.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la a0, riscv_panic
    call set_panic
    call test_abort
    rest_here
ends main
function set_panic
    sd a0, hook, t0
    ret
ends set_panic
function test_abort
    addi sp, sp, -16
    sd ra, 8(sp)
    call check_fatal_error
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends test_abort
function check_fatal_error
    li a0, 0
    ret
ends check_fatal_error
function riscv_panic
    rest_here
ends riscv_panic
zeroed hook, 8
zeroed table, 1024
