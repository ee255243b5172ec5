# expect: idle
# words: panic
# why: `kassert` is called, holds and returns; a panic comes later, in another function.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    call kassert
    call kassert
    call device_panic
ends main
function kassert
    ret
ends kassert
function device_panic
    rest_here
ends device_panic
zeroed table, 1024
