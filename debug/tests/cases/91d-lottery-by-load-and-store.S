# expect: races
# on: embedded
# flags: --smp 4 --schedules 200
# words: hart \d loads ticket; stores what it made of that; is lost
# why: Two harts may find the ticket free, and both take it; this kernel does not notice.
.include "k.inc"
boot_here
    la sp, __stack_top
    mv s0, a0
    j main
ends boot
function main
    clear_bss_here
    start_others_here 4, worker
    j working
ends main
function worker
working:
    la t0, ticket
    ld t1, 0(t0)
    bnez t1, 1f
    li t1, 1
    sd t1, 0(t0)
1:
    rest_here
ends worker
zeroed ticket, 8
