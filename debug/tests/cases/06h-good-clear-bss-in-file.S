# expect: pass
# ld: bssinfile.ld
# why: A clear that BSS, which is in the file, does not need. It stays inside. That main sets both neighbours to 0 behind it is its own business, and that it fills a table as large as BSS and then a neighbour.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    call clear
    la a0, table
    li a1, 1024
    call fill
    la a0, behind
    li a1, 8
    call fill
    la a0, before
    call release
    la a0, table
    call release
    la a0, behind
    call release
    rest_here
ends main
function clear
    clear_bss_here
    ret
ends clear
function fill
    add a1, a1, a0
1:  sb zero, 0(a0)
    addi a0, a0, 1
    bltu a0, a1, 1b
    ret
ends fill
function release
    sd zero, 0(a0)
    ret
ends release
zeroed table, 1024
initialised before, 0x1234, before
initialised behind, 0x1234, behind
