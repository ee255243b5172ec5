# expect: trap
# words: address 0x8;never returned
# why: The entry loads the handler's stack from memory, calls the function that a table of functions has for the cause, which saves and loads its
# registers, and goes to the park loop of boot.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
park:
    wfi
    j park
ends boot
function main
    clear_bss_here
    la t0, trap_sp
    la t1, trap_stack + 2048
    sd t1, 0(t0)
    la t0, entry
    csrw stvec, t0
    ld t1, 8(zero)
    ret
ends main
    .balign 4
function entry
    la sp, trap_sp
    ld sp, 0(sp)
    csrr t0, scause
    slli t0, t0, 3
    la t1, table
    add t1, t1, t0
    ld t1, 0(t1)
    jalr t1
    j park
ends entry
function dump
    addi sp, sp, -16
    sd ra, 8(sp)
    sd s0, 0(sp)
    li s0, 0x10000000
    li t0, 'x'
    sb t0, 0(s0)
    ld ra, 8(sp)
    ld s0, 0(sp)
    addi sp, sp, 16
    ret
ends dump
    .section .rodata,"a",@progbits
    .balign 8
table:
    .rept 16
    .dword dump
    .endr
zeroed trap_sp, 8
zeroed trap_stack, 2048, 16
