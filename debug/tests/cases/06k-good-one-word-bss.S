# expect: pass
# ld: bssinfile.ld
# why: BSS is a single word, a lock. One function releases it, and right behind it another lock, which is in .data.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    lla a0, lock
    call release
    lla a0, other_lock
    call release
    rest_here
ends main
function release
    sd zero, 0(a0)
    ret
ends release
zeroed lock, 8
initialised other_lock, 1, behind
