# expect: idle
# words: panic
# why: The panic function has the kernel's own prefix: `riscv_arch_panic`.
.include "k.inc"

boot_here
    la sp, __stack_top
    j main
ends boot

function main
    clear_bss_here
    call riscv_arch_panic
ends main
function riscv_arch_panic
    csrci sstatus, 2
    rest_here
ends riscv_arch_panic
zeroed table, 1024
