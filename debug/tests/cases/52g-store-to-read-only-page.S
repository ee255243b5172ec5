# expect: trap
# words: store.*page fault ; writ
# ld: 33a-good-guard-page.ld
# why: Constants are mapped without W; the kernel stores to one.
.include "k.inc"
.include "guard.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    paging_with_guard
    la t0, level0
    la t1, constant
    srli t2, t1, 9
    andi t2, t2, -8
    slli t2, t2, 52
    srli t2, t2, 52
    add t0, t0, t2
    ld t3, 0(t0)
    andi t3, t3, -5
    sd t3, 0(t0)
    sfence.vma
    sd zero, 0(t1)
    rest_here
ends main
    .section .data
    .balign 4096
constant: .dword 1
    .balign 4096
zeroed table, 1024
