# expect: trap
# words: boot|main|return|illegal|access fault
# why: boot jumps to main with `j`, and main returns: ra is the firmware's.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    ret
ends main
zeroed table, 1024
