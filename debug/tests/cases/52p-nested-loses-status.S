# expect: trap|idle
# words: U-mode
# why: The handler traps itself and does not save sstatus: SPP is 0 behind the inner sret, and the outer one goes on with main in U-mode.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    ebreak
    csrr t0, sstatus
    rest_here
ends main
    .balign 4
function handler
    addi sp, sp, -32
    sd t0, 0(sp)
    sd t1, 8(sp)
    csrr t0, scause
    li t1, 3
    bne t0, t1, die
    csrr t0, sepc
    sd t0, 16(sp)
    ld t1, depth
    bnez t1, 1f
    li t1, 1
    sd t1, depth, t0
    ebreak
1:  ld t0, 16(sp)
    addi t0, t0, 2
    csrw sepc, t0
    ld t0, 0(sp)
    ld t1, 8(sp)
    addi sp, sp, 32
    sret
die:
    call panic
ends handler
function panic
    wfi
    j panic
ends panic
zeroed depth, 8
zeroed table, 64
