# expect: pass
# flags: --input ab --after > --expect ab
# why: Two keys are typed; each is echoed by the handler.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li t0, 0x0c000000
    li t1, 1
    sw t1, 40(t0)
    li t0, 0x0c002000 + 0x80
    slli t2, s0, 8
    add t0, t0, t2
    li t1, 1 << 10
    sw t1, 0(t0)
    li s1, 0x0c200000 + 0x1000
    slli t2, s0, 13
    add s1, s1, t2
    sw zero, 0(s1)
    li s2, 0x10000000
    li t1, 1
    sb t1, 1(s2)
    li t0, 1 << 9
    csrs sie, t0
    csrsi sstatus, 2
    li t1, '>'
    sb t1, 0(s2)
    rest_here
ends main
    .balign 4
function handler
    lw t0, 4(s1)
    lbu t1, 0(s2)
    sb t1, 0(s2)
    sw t0, 4(s1)
    sret
ends handler
zeroed table, 64
