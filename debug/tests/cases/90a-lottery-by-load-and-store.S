# expect: schedules
# on: embedded
# flags: --smp 4 --schedules 200
# words: fails under \d+ of 200 schedules, first under \d+: trap; the same as a boot that passes: then hart \d goes on at
# why: Two harts may load the ticket before either stores it: then both think that they were the first. In the plainest order none is.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    li s1, 0
1:  mv a0, s1
    la a1, lottery
    li a2, 0
    beq a0, s0, 2f
    sbi SBI_HSM, 0
2:  addi s1, s1, 1
    li t0, 4
    bltu s1, t0, 1b
    li s2, 1
    j draw
ends main
function lottery
    li s2, 0
draw:
    la t0, ticket
    ld t1, 0(t0)
    addi t2, t1, 1
    sd t2, 0(t0)
    bnez t1, 1f
    la t0, winners
    li t1, 1
    amoadd.d zero, t1, (t0)
1:  la t0, done
    li t1, 1
    amoadd.d zero, t1, (t0)
    beqz s2, 3f
    li t2, 4
2:  ld t1, 0(t0)
    bne t1, t2, 2b
    la t0, winners
    ld t1, 0(t0)
    li t2, 1
    beq t1, t2, 3f
    ebreak
3:  rest_here
ends lottery
zeroed ticket, 8
zeroed winners, 8
zeroed done, 8
