# expect: pass
# words: wfi|waits
# why: VTW is 0: the guest's wfi waits, and nothing can come. The whole machine rests in the guest.
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
