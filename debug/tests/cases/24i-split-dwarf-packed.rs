// expect: trap
// words: illegal instruction; refuse \(inlined\); "line": 14
// rustflags: -Zunstable-options -C opt-level=1 -g -C split-debuginfo=packed
// why: Debug information in a .dwp package beside it, and no .dwo file: only the package knows the inlined function that traps.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main");
static mut TABLE: [u64; 64] = [0; 64];
#[inline(always)]
fn refuse() {
    // No handler is set.
    unsafe { asm!("unimp") }
}
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    unsafe { (&raw mut TABLE[1]).write_volatile(1) };
    refuse();
    loop {
        unsafe { asm!("wfi") }
    }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
