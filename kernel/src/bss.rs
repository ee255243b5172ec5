//! The BSS clear: it makes every static that has no initial value start as zero.

use core::arch::asm;

// hypervisor.ld defines these symbols. Only their addresses mean something; there is no value behind them.
unsafe extern "C" {
    static __bss: u8;
    static __bss_end: u8;
}

/// Stores zero to every doubleword of [`__bss`, `__bss_end`).
///
/// The loop counts plain addresses, and its store is one instruction in assembly. So it calls no other function, not even
/// in a dev build, and you can step through it line by line. The compiler can neither remove it nor replace it by `memset`.
#[inline(never)]
pub fn clear() {
    let mut address = &raw const __bss as usize;
    let end = &raw const __bss_end as usize;
    while address < end {
        // SAFETY: address is a doubleword of .bss, which is 16-aligned (ASSERTs in hypervisor.ld); no reference to it exists.
        unsafe { asm!("sd zero, 0({address})", address = in(reg) address, options(nostack, preserves_flags)) };
        address += size_of::<u64>();
    }
}
