//! A kernel that drives the board's devices and prints what it sees, to be compared between QEMU and the embedded machine.
//! `cfg(guest)` says which of its programs it runs; it does not know on which machine.

#![no_std]
#![no_main]
#![allow(dead_code)]

use core::arch::{asm, global_asm};
use core::fmt::{self, Write};
use core::ptr::{read_volatile, write_volatile};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

mod block;
mod others;
mod programs;
mod queue;

global_asm!(
    ".section .text.boot, \"ax\"",
    ".global boot",
    "boot: la sp, __stack_top",
    "la t0, __bss; la t1, __bss_end",
    "1: bgeu t0, t1, 2f; sd zero, 0(t0); addi t0, t0, 8; j 1b",
    "2: la t0, handler",
    "csrw stvec, t0",
    "call {main}",
    ".balign 4",
    "handler: addi sp, sp, -128",
    "sd ra, 0(sp); sd t0, 8(sp); sd t1, 16(sp); sd t2, 24(sp); sd t3, 32(sp); sd t4, 40(sp); sd t5, 48(sp); sd t6, 56(sp)",
    "sd a0, 64(sp); sd a1, 72(sp); sd a2, 80(sp); sd a3, 88(sp); sd a4, 96(sp); sd a5, 104(sp); sd a6, 112(sp); sd a7, 120(sp)",
    "call {trap}",
    "ld ra, 0(sp); ld t0, 8(sp); ld t1, 16(sp); ld t2, 24(sp); ld t3, 32(sp); ld t4, 40(sp); ld t5, 48(sp); ld t6, 56(sp)",
    "ld a0, 64(sp); ld a1, 72(sp); ld a2, 80(sp); ld a3, 88(sp); ld a4, 96(sp); ld a5, 104(sp); ld a6, 112(sp); ld a7, 120(sp)",
    "addi sp, sp, 128",
    "sret",
    main = sym main,
    trap = sym trap,
);

/// scause of the last exception, and 0 once it was asked for.
static FAULT: AtomicU64 = AtomicU64::new(0);
/// What an external interrupt calls.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn main() -> ! {
    println!("guest begins");
    programs::run();
    println!("guest ends");
    // The test finisher's word for a power-off.
    write32(0x10_0000, 0x5555);
    loop {}
}

extern "C" fn trap() {
    let (cause, pc): (u64, u64);
    unsafe { asm!("csrr {}, scause; csrr {}, sepc", out(reg) cause, out(reg) pc) };
    if cause >> 63 == 0 {
        let length = if unsafe { read_volatile(pc as *const u8) } & 3 == 3 { 4 } else { 2 };
        unsafe { asm!("csrw sepc, {}", in(reg) pc + length) };
        FAULT.store(cause, Ordering::Relaxed);
    } else {
        let handler = HANDLER.load(Ordering::Relaxed);
        assert!(handler != 0, "an interrupt that nobody waits for: {cause:#x}");
        unsafe { core::mem::transmute::<usize, fn()>(handler)() };
    }
}

/// The cause of the exception since the last call.
pub fn fault() -> u64 {
    FAULT.swap(0, Ordering::Relaxed)
}

pub fn on_interrupt(handler: fn()) {
    HANDLER.store(handler as usize, Ordering::Relaxed);
    unsafe { asm!("csrs sie, {}; csrsi sstatus, 2", in(reg) 1 << 9) };
}

pub fn without_interrupts() {
    unsafe { asm!("csrci sstatus, 2") };
}

/// Waits until `ready`, asleep between interrupts.
pub fn wait_until(ready: impl Fn() -> bool) {
    loop {
        without_interrupts();
        if ready() {
            return;
        }
        unsafe { asm!("wfi; csrsi sstatus, 2") };
    }
}

/// sip's bit of external interrupts.
pub fn external_pending() -> u64 {
    let pending: u64;
    unsafe { asm!("csrr {}, sip", out(reg) pending) };
    pending >> 9 & 1
}

pub fn time() -> u64 {
    let time: u64;
    unsafe { asm!("rdtime {}", out(reg) time) };
    time
}

pub fn read8(address: usize) -> u8 {
    unsafe { read_volatile(address as *const u8) }
}

pub fn write8(address: usize, value: u8) {
    unsafe { write_volatile(address as *mut u8, value) }
}

pub fn read16(address: usize) -> u16 {
    unsafe { read_volatile(address as *const u16) }
}

pub fn read32(address: usize) -> u32 {
    unsafe { read_volatile(address as *const u32) }
}

pub fn write32(address: usize, value: u32) {
    unsafe { write_volatile(address as *mut u32, value) }
}

pub fn read64(address: usize) -> u64 {
    unsafe { read_volatile(address as *const u64) }
}

/// The UART, by its registers.
pub struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read8(0x1000_0005) & 0x20 == 0 {}
            write8(0x1000_0000, byte);
        }
        Ok(())
    }
}

#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => {{ use core::fmt::Write; let _ = writeln!($crate::Uart, $($argument)*); }};
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    write32(0x10_0000, 0x1_3333);
    loop {}
}
