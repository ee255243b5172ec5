# expect: trap
# words: virtual instruction; VTW
# why: hstatus.VTW is set; the guest's wfi is a virtual-instruction exception (H extension, hstatus), and the hypervisor panics for it.
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
    li t0, 1 << 21
    csrs hstatus, t0
    li t0, 1 << 7
    csrs hstatus, t0
    li t0, 0x100
    csrs sstatus, t0
    la t0, guest
    csrw sepc, t0
    sret
ends main
function guest
1:  wfi
    j 1b
ends guest
    .balign 4
function handler
    j panic
ends handler
function panic
    j panic
ends panic
zeroed table, 64
