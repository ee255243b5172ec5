# expect: pass
# on: qemu
# why: Nine ticks come before the same instruction, which looks like a storm. The last one's handler takes 450 ms and, as many do, sets stvec.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    li a0, 0
    sbi SBI_TIME
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    li s2, 9
1:  ld s0, ticks
    xori s1, s0, 3
    bltu s0, s2, 1b
    rest_here
ends main
function handler
    addi sp, sp, -256
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd t2, 16(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    li t0, 9
    bltu t1, t0, 3f
    li t2, 32
    csrc sie, t2
    rdtime t0
    li t1, 4500000
    add t1, t1, t0
2:  rdtime t0
    bltu t0, t1, 2b
    la t0, handler
    csrw stvec, t0
3:  ld t0, 0(sp)
    ld t1, 8(sp)
    ld t2, 16(sp)
    addi sp, sp, 256
    sret
ends handler
zeroed ticks, 8
