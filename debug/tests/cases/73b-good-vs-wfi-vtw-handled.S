# expect: pass
# why: As 73a; the hypervisor goes on behind the wfi three times (a yield to others), then ends the guest and rests.
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
    addi s0, s0, -1
    beqz s0, 1f
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    sret
1:  rest_here
ends handler
function panic
    j panic
ends panic
zeroed table, 64
