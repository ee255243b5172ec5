# expect: pass
# ld: 50c-good-tock-names.ld
# why: Tock's names: `_start`, `_szero`/`_ezero`, `_sstack`/`_estack` in front of all data, `_srelocate` is copied from where it was loaded.
.include "k.inc"
    .section .riscv.start,"ax"
    .globl _start
    .type _start,@function
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, _estack
    la a0, _szero
    la a1, _ezero
1:  beq a0, a1, 2f
    sw zero, 0(a0)
    addi a0, a0, 4
    j 1b
2:  la a0, _etext
    la a1, _srelocate
    la a2, _erelocate
3:  beq a1, a2, 4f
    lw a3, 0(a0)
    sw a3, 0(a1)
    addi a0, a0, 4
    addi a1, a1, 4
    j 3b
4:  call main
    .size _start, .-_start
function main
    addi sp, sp, -16
    ld t0, magic
    li t1, 0x1234567
    bne t0, t1, wrong
    rest_here
ends main
function wrong
    unimp
ends wrong
zeroed counter, 64
    .data
    .balign 8
magic: .dword 0x1234567
    .dword 2,3,4,5
