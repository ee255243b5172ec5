# expect: trap|idle
# words: timer|vector|stvec
# why: A vectored table whose jumps are compressed (2 bytes): the timer's entry, base + 20, is the one of cause 10, which panics (.option norvc was forgotten).
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    la t0, table_of_jumps
    ori t0, t0, 1
    csrw stvec, t0
    timer_in 10000
    li t0, 32
    csrs sie, t0
    csrsi sstatus, 2
    rest_here
ends main
    .balign 256
    .option push
    .option rvc
function table_of_jumps
    .irp n,0,1,2,3,4
    c.j unexpected
    .endr
    c.j tick
    .irp n,6,7,8,9,10,11
    c.j unexpected
    .endr
ends table_of_jumps
    .option pop
function tick
    sret
ends tick
function unexpected
    j panic
ends unexpected
function panic
    wfi
    j panic
ends panic
zeroed table, 64
