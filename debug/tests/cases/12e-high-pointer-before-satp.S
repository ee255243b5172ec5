# expect: trap
# words: linked; satp is 0; loaded at 0x802
# ld: 12a-good-higher-half-ff80200000.ld
# why: Linked high; before satp it follows a pointer from a table, which is a high address.
.include "k.inc"
boot_here
    la sp, __stack_top
    clear_bss_here
    la t0, texts
    ld t1, 0(t0)
    lbu t2, 0(t1)
    rest_here
ends boot
    .data
    .balign 8
texts: .dword text
text: .asciz "hello"
zeroed table, 64
