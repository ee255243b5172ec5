# expect: pass
# on: embedded
# flags: --smp 4 --schedules 200
# why: The lock is held until the counter is stored.
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
    la a1, worker
    li a2, 0
    beq a0, s0, 2f
    sbi SBI_HSM, 0
2:  addi s1, s1, 1
    li t0, 4
    bltu s1, t0, 1b
    li s2, 1
    j counting
ends main
function worker
    li s2, 0
counting:
    li s3, 5
    la s4, lock
    la s5, counter
1:  li t0, 1
2:  amoswap.w.aq t1, t0, (s4)
    bnez t1, 2b
    ld t2, 0(s5)
    addi t2, t2, 1
    sd t2, 0(s5)
    amoswap.w.rl zero, zero, (s4)
    addi s3, s3, -1
    bnez s3, 1b
    la t0, done
    li t1, 1
    amoadd.d.rl zero, t1, (t0)
    beqz s2, 4f
    li t2, 4
3:  ld t1, 0(t0)
    bne t1, t2, 3b
    fence r, rw
    ld t1, 0(s5)
    li t2, 20
    beq t1, t2, 4f
    ebreak
4:  rest_here
ends worker
zeroed lock, 8
zeroed counter, 8
zeroed done, 8
