# expect: pass
# why: An interprocessor interrupt to itself by the SBI, once; the handler clears it.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    csrsi sie, 2
    csrsi sstatus, 2
    li a0, 1
    li a1, 0
    sbi 0x735049
1:  ld t0, got
    beqz t0, 1b
    rest_here
ends main
    .balign 4
function handler
    csrci sip, 2
    addi sp, sp, -16
    sd t0, 0(sp)
    sd t1, 8(sp)
    li t0, 1
    sd t0, got, t1
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 16
    sret
ends handler
zeroed got, 8
