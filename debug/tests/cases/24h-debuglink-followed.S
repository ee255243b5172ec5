# expect: trap
# words: illegal instruction; main
# post: riscv64-unknown-elf-objcopy --only-keep-debug $O $O.debug; riscv64-unknown-elf-strip $O; riscv64-unknown-elf-objcopy --add-gnu-debuglink=$O.debug $O
# why: Stripped; the file that .gnu_debuglink names lies beside it, and knows the function that traps.
.include "k.inc"
boot_here
    la sp, __stack_top
    j main
ends boot
function main
    clear_bss_here
    unimp
    rest_here
ends main
zeroed table, 1024
