# expect: pass
# words: stop
# why: The kernel stops its own hart by HSM's hart_stop, when all is done: nothing comes any more.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    sbi SBI_HSM, 1
    unimp
ends main
zeroed table, 1024
