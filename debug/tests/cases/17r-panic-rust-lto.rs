// expect: idle
// words: panic
// rustflags: -C opt-level=3 -C lto=fat -C codegen-units=1
// why: An unwrap of None with LTO; the panic is printed.

#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main");
static mut TABLE: [u64; 64] = [0; 64];
#[unsafe(no_mangle)]
extern "C" fn main(_hart: usize, _tree: usize) -> ! {
    unsafe {
        let none: Option<u64> = if core::ptr::read_volatile(&raw const TABLE[5]) == 0 { None } else { Some(1) };
        core::ptr::write_volatile(&raw mut TABLE[3], none.unwrap());
        loop { asm!("wfi"); }
    }
}
fn put(c: u8) { unsafe { core::ptr::write_volatile(0x1000_0000 as *mut u8, c) } }
struct Out;
impl core::fmt::Write for Out { fn write_str(&mut self, s: &str) -> core::fmt::Result { for c in s.bytes() { put(c) } Ok(()) } }
#[panic_handler]
fn dead(info: &core::panic::PanicInfo) -> ! {
    use core::fmt::Write;
    let _ = writeln!(Out, "{info}");
    loop { unsafe { asm!("wfi") } }
}
