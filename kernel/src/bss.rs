//! The BSS clear: what makes every static without an initial value start as zero.

use core::arch::asm;

// Defined by hypervisor.ld; only their addresses mean anything.
unsafe extern "C" {
    static __bss: u8;
    static __bss_end: u8;
}

/// Stores zero to every doubleword of [`__bss`, `__bss_end`).
///
/// A loop over plain addresses, with the store spelled out: it calls nothing, in a dev build as in release, so that a
/// person can step through it line by line, and the compiler cannot make a `memset` of it.
#[inline(never)]
pub fn clear() {
    let mut address = &raw const __bss as usize;
    let end = &raw const __bss_end as usize;
    while address < end {
        // SAFETY: address is a doubleword of .bss ("16-aligned": ASSERTs in hypervisor.ld), which no reference points to yet.
        unsafe { asm!("sd zero, 0({address})", address = in(reg) address, options(nostack, preserves_flags)) };
        address += size_of::<u64>();
    }
}
