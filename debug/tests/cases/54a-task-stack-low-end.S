# expect: margin|stack|bss|trap
# words: task_stack|victim
# why: A task's sp is set to the low end of its stack (`+ SIZE` forgotten): its frames lie over the variable below.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    la t0, task
    la t1, task_stack
    mv s2, sp
    mv sp, t1
    jalr t0
    mv sp, s2
    rest_here
ends main
function task
    addi sp, sp, -64
    sd ra, 56(sp)
    sd s0, 48(sp)
    ld s0, 48(sp)
    ld ra, 56(sp)
    addi sp, sp, 64
    ret
ends task
zeroed victim, 256, 16
zeroed task_stack, 4096, 16
zeroed behind, 256, 16
