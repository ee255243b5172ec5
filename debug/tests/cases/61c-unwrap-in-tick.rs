// expect: idle
// words: panic ; "symbol": "on_tick
// rustflags: -C opt-level=3 -C lto=fat -g -C codegen-units=1
// why: The third tick unwraps a None. With LTO the library's functions are shared; the place is that of the unwrap.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
global_asm!(
    ".section .text.boot,\"ax\"\n.globl boot\nboot:\nla sp, __stack_top\nj kmain
.balign 4\ntrap_entry:\naddi sp,sp,-16\nsd ra,0(sp)\ncall on_tick\nld ra,0(sp)\naddi sp,sp,16\nsret"
);
static mut TICKS: u64 = 0;
unsafe extern "C" {
    fn trap_entry();
}
fn timer() {
    unsafe {
        asm!("rdtime a0", "li a1, 50000", "add a0, a0, a1", "li a7, 0x54494d45", "li a6, 0", "ecall", out("a0") _, out("a1") _, out("a6") _, out("a7") _)
    }
}
#[unsafe(no_mangle)]
extern "C" fn on_tick() {
    unsafe {
        TICKS += 1;
    }
    let next = if core::hint::black_box(unsafe { TICKS }) == 3 { None } else { Some(1) };
    core::hint::black_box(next.unwrap());
    timer();
}
#[unsafe(no_mangle)]
extern "C" fn kmain() -> ! {
    unsafe {
        asm!("la {0}, __bss", "la {1}, __bss_end", "1: bgeu {0}, {1}, 2f", "sd zero, 0({0})", "addi {0}, {0}, 8", "j 1b", "2:", out(reg) _, out(reg) _)
    };
    unsafe { asm!("csrw stvec, {}", in(reg) trap_entry as *const () as usize) };
    timer();
    unsafe { asm!("csrs sie, {}", "csrsi sstatus, 2", in(reg) 32) };
    loop {
        unsafe { asm!("wfi") }
    }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {
        core::hint::spin_loop()
    }
}
