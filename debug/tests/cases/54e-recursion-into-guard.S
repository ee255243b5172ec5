# expect: margin|trap
# words: overflow|guard|below
# ld: 33a-good-guard-page.ld
# why: An endless recursion runs into the guard page below the stack; there is no handler.
.include "k.inc"
.include "guard.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    paging_with_guard
    call deeper
    rest_here
ends main
function deeper
    addi sp, sp, -128
    sd ra, 120(sp)
    call deeper
    ld ra, 120(sp)
    addi sp, sp, 128
    ret
ends deeper
