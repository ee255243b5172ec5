//! A kernel as `cargo new` and an afternoon make it: a stack, BSS, one line on the console, power-off.

#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

global_asm!(
    ".section .text.entry",
    ".globl _start",
    "_start:",
    "la sp, boot_stack_top",
    "call main",
    ".section .stack, \"aw\", @nobits",
    "boot_stack:",
    ".space 16384",
    ".globl boot_stack_top",
    "boot_stack_top:",
);

static mut BOOTS: u64 = 0;

unsafe extern "C" {
    static mut sbss: u64;
    static mut ebss: u64;
}

fn put(text: &str) {
    for byte in text.bytes() {
        unsafe { asm!("ecall", in("a7") 1, inlateout("a0") byte as usize => _, lateout("a1") _) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut at = &raw mut sbss;
    while at < &raw mut ebss {
        unsafe { at.write_volatile(0) };
        at = unsafe { at.add(1) };
    }
    unsafe { BOOTS += 1 };
    put("booted\n");
    // System reset: shutdown, no reason (SBI specification, "System Reset Extension").
    unsafe { asm!("ecall", in("a7") 0x5352_5354, in("a6") 0, in("a0") 0, in("a1") 0) };
    loop {
        unsafe { asm!("wfi") };
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    put("panicked\n");
    loop {
        unsafe { asm!("wfi") };
    }
}
