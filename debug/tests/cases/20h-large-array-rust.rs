// expect: margin
// words: overflow|below
// rustflags: -C opt-level=1
// why: A local array of 100,000 bytes on a stack of 64 KiB.

#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main");
static mut TABLE: [u64; 64] = [0; 64];
#[inline(never)]
fn fill(n: usize) -> u64 { let mut a = [0u8; 100_000]; for i in 0..n { a[i] = i as u8; } core::hint::black_box(&a); a[n / 2] as u64 }
#[unsafe(no_mangle)]
extern "C" fn main(_hart: usize, _tree: usize) -> ! {
    unsafe { core::ptr::write_volatile(&raw mut TABLE[3], fill(90_000)); loop { asm!("wfi"); } }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! { loop { unsafe { asm!("wfi") } } }
