# expect: idle
# words: waits for ever for the word.*received
# why: The interrupt controller lets the UART's interrupt in, but the UART's own IER was forgotten: no key raises one.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 0x0c000028
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002080
    li t1, 1 << 10
    sw t1, 0(t0)
    li t0, 1 << 9
    csrs sie, t0
    csrsi sstatus, 2
1:  la t0, received
    ld t1, 0(t0)
    bnez t1, 2f
    wfi
    j 1b
2:  rest_here
ends main
.balign 4
function handler
    la t0, received
    sd t0, 0(t0)
    sret
ends handler
zeroed received, 64
