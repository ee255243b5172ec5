// expect: pass
// words: ticking
// rustflags: -C opt-level=2
// why: xv6's scheduler: it looks at 64 processes, each with a lock, for one that can run, for ever, and ticks every 100 ms.
#![no_std]
#![no_main]
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, Ordering};
global_asm!(
    ".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: call main",
    ".text", ".balign 4", "handler:", "addi sp, sp, -64", "sd a0, 0(sp)", "sd a1, 8(sp)", "sd a6, 16(sp)", "sd a7, 24(sp)", "sd t0, 32(sp)",
    "rdtime a0", "li t0, 1000000", "add a0, a0, t0", "li a7, 0x54494d45", "li a6, 0", "ecall",
    "ld a0, 0(sp)", "ld a1, 8(sp)", "ld a6, 16(sp)", "ld a7, 24(sp)", "ld t0, 32(sp)", "addi sp, sp, 64", "sret",
);
unsafe extern "C" {
    fn handler();
}
struct Process {
    lock: AtomicU32,
    state: AtomicU32,
}
static PROCESSES: [Process; 64] = [const { Process { lock: AtomicU32::new(0), state: AtomicU32::new(0) } }; 64];
#[unsafe(no_mangle)]
extern "C" fn main(_hart: usize, _tree: usize) -> ! {
    unsafe {
        asm!("csrw stvec, {}", in(reg) handler as *const () as usize);
        asm!("rdtime a0", "li t0, 1000000", "add a0, a0, t0", "ecall", in("a7") 0x54494d45u64, in("a6") 0, out("a0") _, out("a1") _, out("t0") _);
        asm!("csrs sie, {}", in(reg) 32);
    }
    loop {
        unsafe { asm!("csrsi sstatus, 2") };
        for process in &PROCESSES {
            unsafe { asm!("csrci sstatus, 2") };
            while process.lock.swap(1, Ordering::Acquire) != 0 {}
            if process.state.load(Ordering::Relaxed) == 3 {
                process.state.store(4, Ordering::Relaxed);
            }
            process.lock.store(0, Ordering::Release);
            unsafe { asm!("csrsi sstatus, 2") };
        }
    }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
