// expect: pass
// rustflags: -C opt-level=0 -C debuginfo=2
// why: Rust without optimisation: write_bytes clears, it prints by the debug console, and ticks every 10 ms.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
use core::fmt::Write;
use core::sync::atomic::{AtomicU64, Ordering};
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "tail main",
    ".balign 4", "handler:", "addi sp, sp, -256", "sd ra, 0(sp)", "sd t0, 8(sp)", "sd t1, 16(sp)", "sd t2, 24(sp)", "sd t3, 32(sp)",
    "sd t4, 40(sp)", "sd t5, 48(sp)", "sd t6, 56(sp)", "sd a0, 64(sp)", "sd a1, 72(sp)", "sd a2, 80(sp)", "sd a3, 88(sp)", "sd a4, 96(sp)",
    "sd a5, 104(sp)", "sd a6, 112(sp)", "sd a7, 120(sp)", "call tick", "ld ra, 0(sp)", "ld t0, 8(sp)", "ld t1, 16(sp)", "ld t2, 24(sp)",
    "ld t3, 32(sp)", "ld t4, 40(sp)", "ld t5, 48(sp)", "ld t6, 56(sp)", "ld a0, 64(sp)", "ld a1, 72(sp)", "ld a2, 80(sp)", "ld a3, 88(sp)",
    "ld a4, 96(sp)", "ld a5, 104(sp)", "ld a6, 112(sp)", "ld a7, 120(sp)", "addi sp, sp, 256", "sret");
static TICKS: AtomicU64 = AtomicU64::new(0);
unsafe extern "C" {
    static mut __bss: u8;
    static mut __bss_end: u8;
    fn handler();
}
struct Console;
impl Write for Console {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            unsafe { asm!("ecall", inlateout("a0") byte as usize => _, lateout("a1") _, in("a6") 0, in("a7") 1) }
        }
        Ok(())
    }
}
fn set_timer() {
    unsafe {
        let now: u64;
        asm!("rdtime {}", out(reg) now);
        asm!("ecall", inlateout("a0") now + 100_000 => _, lateout("a1") _, in("a6") 0, in("a7") 0x54494d45);
    }
}
#[unsafe(no_mangle)]
extern "C" fn tick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    set_timer();
}
#[unsafe(no_mangle)]
extern "C" fn main(hart: usize, _tree: usize) -> ! {
    unsafe {
        let start = &raw mut __bss;
        core::ptr::write_bytes(start, 0, (&raw mut __bss_end).offset_from(start) as usize);
        let _ = writeln!(Console, "hart {hart} is up");
        asm!("csrw stvec, {}", in(reg) handler as *const () as usize);
        set_timer();
        asm!("csrs sie, {}", in(reg) 32);
        asm!("csrsi sstatus, 2");
        loop {
            asm!("wfi")
        }
    }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
