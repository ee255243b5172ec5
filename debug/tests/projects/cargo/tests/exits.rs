//! A test as kernels have them: a kernel of its own, whose end is the verdict. By the test finisher: 0x5555 is well, and
//! 0x3333 with a number above it is not.

#![no_std]
#![no_main]

use core::arch::global_asm;

global_asm!(
    ".section .text.entry",
    ".globl _start",
    "_start:",
    "li t0, 0x100000",
    "li t1, 0x5555",
    "sw t1, 0(t0)",
    "1: j 1b",
);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
