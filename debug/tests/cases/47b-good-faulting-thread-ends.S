# expect: pass
# words: saved before
# why: The handler of a thread's fault ends that thread: it switches to the scheduler, which rests, and never comes back.
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
    la a0, thread
    la a1, scheduler
    call switch
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
ends trap
zeroed thread, 24
zeroed scheduler, 24
zeroed thread_stack, 2048, 16
