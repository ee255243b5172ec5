//! The kernel of the chapter Boot: `boot` sets sp, `main` clears .bss and idles.
//!
//! OpenSBI enters at `boot` in S-mode with a0 = hart id and a1 = address of the device tree (SBI specification, chapter
//! "Binary Encoding", and Linux's RISC-V boot protocol, which OpenSBI follows). There is no console in this chapter: a
//! debugger looks on.

#![no_std]
#![no_main]

mod bss;
mod lines;
mod panic;

use core::arch::{asm, naked_asm};

use lines::{at_line, lines};

/// The first instruction of the image: gives the hart its stack and goes on in [`main`].
///
/// Naked, so that the compiler adds no prologue: one would store through the sp that the firmware left.
/// a0 and a1 pass through untouched.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
extern "C" fn boot() -> ! {
    naked_asm!(
        at_line!("la sp, __stack_top"), // two instructions: sp is right after the second
        at_line!("j {main}"),
        lines!("boot"), // for debuggers: rustc tells them no lines of a naked function
        main = sym main,
    )
}

/// Clears .bss and idles. What a later chapter needs of `hart` and `device_tree` arrives here.
extern "C" fn main(_hart: usize, _device_tree: usize) -> ! {
    bss::clear();
    idle()
}

/// Waits for interrupts for ever; none is enabled.
fn idle() -> ! {
    loop {
        // SAFETY: wfi touches neither memory nor registers (RISC-V privileged manual, "Wait for Interrupt").
        unsafe { asm!("wfi", options(nomem, nostack, preserves_flags)) };
    }
}
