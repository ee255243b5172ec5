# expect: pass
# words: saved before
# why: A probe of four addresses as with setjmp: the handler goes back to where probe saved ra, sp and s0, and never executes sret.
.include "k.inc"
boot_here
    la sp, __stack_top
    call main
1:  wfi
    j 1b
ends boot
function main
    addi sp, sp, -16
    sd ra, 8(sp)
    clear_bss_here
    la t0, entry
    csrw stvec, t0
    li s1, 4
    li s2, 0x10001000
1:  mv a0, s2
    call probe
    li t0, 0x1000
    add s2, s2, t0
    addi s1, s1, -1
    bnez s1, 1b
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends main
# Whether there is something at a0.
function probe
    addi sp, sp, -32
    sd ra, 24(sp)
    sd s0, 16(sp)
    mv s0, a0
    la a0, place
    call keep
    bnez a0, 1f
    li t0, 1 << 40
    add s0, s0, t0
    lw t0, 0(s0)
    li a0, 1
    j 2f
1:  li a0, 0
2:  ld ra, 24(sp)
    ld s0, 16(sp)
    addi sp, sp, 32
    ret
ends probe
function keep
    sd ra, 0(a0)
    sd sp, 8(a0)
    sd s0, 16(a0)
    li a0, 0
    ret
ends keep
function go_back
    ld ra, 0(a0)
    ld sp, 8(a0)
    ld s0, 16(a0)
    li a0, 1
    ret
ends go_back
function entry
    addi sp, sp, -64
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd a0, 16(sp)
    call trap
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld a0, 16(sp)
    addi sp, sp, 64
    sret
ends entry
function trap
    addi sp, sp, -16
    sd ra, 8(sp)
    la a0, place
    call go_back
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends trap
zeroed place, 24
