# expect: idle
# words: 0x10000005; input
# why: putc waits for a bit of the UART's LSR that never comes (0x80 for 0x20): a hang in output, not a wait for input. 16550 manual: bit 5 THRE, bit 7 FIFO error.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    addi sp, sp, -16
    clear_bss_here
    li a0, 'H'
    call uart_putc
    rest_here
ends main
function uart_putc
    li t0, 0x10000000
1:  lbu t1, 5(t0)
    andi t1, t1, 0x80
    beqz t1, 1b
    sb a0, 0(t0)
    ret
ends uart_putc
zeroed table, 64
