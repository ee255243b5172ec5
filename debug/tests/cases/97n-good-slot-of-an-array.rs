// expect: pass
// rustflags: -C opt-level=2 -C debuginfo=2
// why: Each hart or task has a slot of an array of stacks, and the frame fits.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(
    ".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main",
);
#[repr(C, align(16))]
pub struct Stacks([[u8; 8192]; 4]);
#[unsafe(no_mangle)]
pub static mut STACKS: Stacks = Stacks([[0; 8192]; 4]);
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let top = unsafe { (&raw mut STACKS.0[2]).add(1) };
    unsafe { asm!("mv sp, {}", "tail work", in(reg) top as usize, options(noreturn)) }
}
#[unsafe(no_mangle)]
extern "C" fn work() -> ! {
    let buffer = [1u8; 6000];
    core::hint::black_box(&buffer);
    loop {
        unsafe { asm!("wfi") };
    }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
