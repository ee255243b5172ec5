//! The kernel of the chapter Boot: `boot` sets sp, `main` clears .bss and idles.
//!
//! OpenSBI jumps to `boot` in S-mode. a0 holds the hart's id, and a1 the address of the device tree (SBI specification,
//! chapter "Binary Encoding", and the RISC-V boot protocol of Linux, which OpenSBI follows). This chapter has no console:
//! use a debugger to see what the kernel does.

#![no_std]
#![no_main]

mod bss;
mod dwarf;
mod panic;

use core::arch::{asm, naked_asm};

use dwarf::debug_lines;

/// The first instructions of the image: they give the hart its stack, then jump to [`main`].
///
/// The function is naked, so the compiler adds no code to it. A prologue would store to the stack before sp is set: sp
/// still points to the firmware's stack. a0 and a1 stay as they are.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
extern "C" fn boot() -> ! {
    naked_asm!(
        "la sp, __stack_top", // two machine instructions: sp is right after the second
        "j {main}",
        debug_lines!("boot"), // tells debuggers that the two lines above are boot's
        main = sym main,
    )
}

/// Clears .bss and idles. Later chapters use `hart` and `device_tree`.
extern "C" fn main(_hart: usize, _device_tree: usize) -> ! {
    bss::clear();
    idle()
}

/// Waits for interrupts for ever. None is enabled.
fn idle() -> ! {
    loop {
        // SAFETY: wfi changes no memory and no register (RISC-V privileged manual, "Wait for Interrupt").
        unsafe { asm!("wfi", options(nomem, nostack, preserves_flags)) };
    }
}
