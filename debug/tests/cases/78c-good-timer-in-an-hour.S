# expect: pass
# why: The only timer is due in an hour: it waits.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    rdtime a0
    li a1, 36000000000
    add a0, a0, a1
    sbi SBI_TIME
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 4
function handler
    li a0, -1
    sbi SBI_TIME
    sret
ends handler
zeroed table, 64
