// expect: margin
// words: overflow; CPUS\[1\]\.stack; in work does not fit
// rustflags: -C opt-level=2 -C debuginfo=2
// why: The stack is a member of a structure, in an array of them. The frame goes through the members below into the structure before.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(
    ".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main",
);
#[repr(C, align(16))]
pub struct Cpu {
    hart: u64,
    saved: [u64; 31],
    stack: [u8; 8192],
    name: [u8; 16],
}
#[unsafe(no_mangle)]
pub static mut CPUS: [Cpu; 4] = [const { Cpu { hart: 0, saved: [0; 31], stack: [0; 8192], name: [0; 16] } }; 4];
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let top = unsafe { (&raw mut CPUS[1].stack).add(1) };
    unsafe { asm!("mv sp, {}", "tail work", in(reg) top as usize, options(noreturn)) }
}
#[unsafe(no_mangle)]
extern "C" fn work() -> ! {
    let buffer = [1u8; 12000];
    core::hint::black_box(&buffer);
    loop {
        unsafe { asm!("wfi") };
    }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
