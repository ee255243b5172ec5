# expect: trap
# words: address 0x8;never returned
# why: As 47b, but the handler of a thread's fault, deep in calls that return, halts.
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
    la a1, thread
    la t0, work
    sd t0, 0(a1)
    la t0, thread_stack + 2048
    sd t0, 8(a1)
    la a0, scheduler
    call switch
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends main
function work
    li t0, 8
    ld t1, 0(t0)
1:  j 1b
ends work
# From the context at a0 to the one at a1.
function switch
    sd ra, 0(a0)
    sd sp, 8(a0)
    sd s0, 16(a0)
    ld ra, 0(a1)
    ld sp, 8(a1)
    ld s0, 16(a1)
    ret
ends switch
    .balign 4
function entry
    addi sp, sp, -64
    sd ra, 0(sp)
    sd t0, 8(sp)
    sd a0, 16(sp)
    sd a1, 24(sp)
    call trap
    ld ra, 0(sp)
    ld t0, 8(sp)
    ld a0, 16(sp)
    ld a1, 24(sp)
    addi sp, sp, 64
    sret
ends entry
function trap
    addi sp, sp, -16
    sd ra, 8(sp)
    call note
    call note
    j halt
ends trap
function note
    addi sp, sp, -16
    sd ra, 8(sp)
    la t0, noted
    ld a0, 0(t0)
    addi a0, a0, 1
    sd a0, 0(t0)
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends note
function halt
1:  wfi
    j 1b
ends halt
zeroed noted, 8
zeroed thread, 24
zeroed scheduler, 24
zeroed thread_stack, 2048, 16
