# expect: trap
# why: VTW: the handler returns to the wfi itself (forgot sepc + 4): it traps for ever.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    csrw hgatp, zero
    li t0, (1 << 21) | (1 << 7)
    csrs hstatus, t0
    li t0, 0x100
    csrs sstatus, t0
    la t0, guest
    csrw sepc, t0
    li s0, 3
    sret
ends main
function guest
1:  wfi
    j 1b
ends guest
    .balign 4
function handler
    csrr t0, scause
    li t1, 22
    bne t0, t1, panic
    csrr t0, sepc
    csrw sepc, t0
    sret
1:  rest_here
ends handler
function panic
    j panic
ends panic
zeroed table, 64
