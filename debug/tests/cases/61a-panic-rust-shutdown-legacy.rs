// expect: idle
// words: panic
// rustflags: -C opt-level=3 -C lto=fat -C debuginfo=0
// why: Rust, unwrap of None; the handler prints and powers off by the legacy call.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
use core::fmt::Write;
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main");
static mut TABLE: [u64; 64] = [0; 64];
struct Console;
impl Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            unsafe { asm!("ecall", inlateout("a0") byte as usize => _, in("a7") 1) }
        }
        Ok(())
    }
}
#[unsafe(no_mangle)]
extern "C" fn main(_hart: usize, _tree: usize) -> ! {
    let found = unsafe { core::ptr::read_volatile(&raw const TABLE[3]) }.checked_sub(1);
    unsafe { core::ptr::write_volatile(&raw mut TABLE[4], found.unwrap()) };
    loop {
        unsafe { asm!("wfi") }
    }
}
#[panic_handler]
fn dead(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Console, "{info}");
    unsafe { asm!("ecall", in("a7") 8, options(noreturn)) }
}
