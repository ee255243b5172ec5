# expect: races
# on: embedded
# words: loads ring; waited for head; no release is before
# flags: --smp 2 --schedules 200
# why: A ring's head goes on with each value, and no fence is between them. It is stored again and again, and each time tells of one value.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    xori a0, s0, 1
    la a1, second
    li a2, 0
    sbi SBI_HSM, 0
    la s1, head
    la s4, ring
    li s2, 0
1:  ld t1, 0(s1)
    beq t1, s2, 1b
    fence r, rw
2:  andi t2, s2, 7
    sll t2, t2, 3
    add t2, t2, s4
    ld t3, 0(t2)
    addi s2, s2, 1
    bne s2, t1, 2b
    li t3, 8
    bltu s2, t3, 1b
    rest_here
ends main
function second
    la s1, head
    la s4, ring
    li s2, 0
1:  li t3, 5000
2:  addi t3, t3, -1
    bnez t3, 2b
    sll t2, s2, 3
    add t2, t2, s4
    sd s2, 0(t2)
    addi s2, s2, 1
    sd s2, 0(s1)
    li t3, 8
    bltu s2, t3, 1b
    rest_here
ends second
zeroed ring, 64
zeroed head, 8
