// expect: idle
// words: panick|lock
// rustflags: -C opt-level=z
// why: The panic handler prints under the lock that the panicking code holds: it spins there for ever, and nothing is printed (every tutorial kernel's println).
#![no_std]
#![no_main]
use core::arch::global_asm;
global_asm!(
    ".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main",
);
fn put(byte: u8) {
    unsafe { (0x1000_0000 as *mut u8).write_volatile(byte) }
}
struct Uart;
impl core::fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.bytes().for_each(put);
        Ok(())
    }
}
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};
static LOCK: AtomicBool = AtomicBool::new(false);
fn locked(f: impl FnOnce(&mut Uart)) {
    while LOCK.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    f(&mut Uart);
    LOCK.store(false, Ordering::Release);
}
#[unsafe(no_mangle)]
extern "C" fn main(hart: usize, _tree: usize) -> ! {
    let table = [1u8, 2, 3];
    locked(|uart| {
        let _ = write!(uart, "value {}\n", table[core::hint::black_box(hart + 7)]);
    });
    loop {}
}
#[panic_handler]
fn dead(info: &core::panic::PanicInfo) -> ! {
    locked(|uart| {
        let _ = writeln!(uart, "{info}");
    });
    loop {}
}
