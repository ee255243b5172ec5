# expect: pass
# why: By agreement the handler counts in s11, and sets s10. main waits for both, and saves neither.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    li s11, 0
    li s10, 0
    clear_bss_here
    la t0, handler
    csrw stvec, t0
    timer_in 100000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
1:  beqz s10, 1b
    li s10, 0
2:  wfi
    bnez s10, 3f
    j 2b
3:  mv a0, s11
    la t0, ticks
    ld t1, 0(t0)
    bne a0, t1, 4f
    rest_here
4:  unimp
ends main
    .balign 4
function handler
    addi sp, sp, -64
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    sd a6, 32(sp)
    sd a7, 40(sp)
    la t0, ticks
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    addi s11, s11, 1
    li s10, 0x55
    timer_in 100000
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    ld a6, 32(sp)
    ld a7, 40(sp)
    addi sp, sp, 64
    sret
ends handler
zeroed ticks, 8
