// What the kernels of several harts in Rust share; each says with which orderings it tells of what it stored.
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
global_asm!(".section .text.boot,\"ax\"", ".globl boot", "boot:", "la sp, __stack_top", "la t0, __bss", "la t1, __bss_end",
    "1: bgeu t0, t1, 2f", "sd zero, 0(t0)", "addi t0, t0, 8", "j 1b", "2: tail main",
    ".globl second", "second:", "mv sp, a1", "tail work");
const HARTS: usize = 3;
#[repr(C, align(16))]
struct Stack([u8; 8192]);
static mut STACKS: [Stack; HARTS] = [const { Stack([0; 8192]) }; HARTS];
struct Shared<T>(UnsafeCell<T>);
unsafe impl<T> Sync for Shared<T> {}
struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}
unsafe impl<T> Sync for Lock<T> {}
impl<T> Lock<T> {
    const fn new(value: T) -> Lock<T> {
        Lock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }
    fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        while self.taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            while self.taken.load(Ordering::Relaxed) {
                spin_loop();
            }
        }
        let result = use_it(unsafe { &mut *self.value.get() });
        self.taken.store(false, Ordering::Release);
        result
    }
}
static CONFIGURATION: Shared<[u64; 4]> = Shared(UnsafeCell::new([0; 4]));
static READY: AtomicBool = AtomicBool::new(false);
static LIST: Lock<([usize; 64], usize)> = Lock::new(([0; 64], 0));
static ENTERED: AtomicU32 = AtomicU32::new(0);
static DONE: AtomicUsize = AtomicUsize::new(0);
// Each hart's own, read by others only to be printed.
static LOADS: [AtomicUsize; HARTS] = [const { AtomicUsize::new(0) }; HARTS];
unsafe extern "C" {
    fn second();
}
fn print(byte: u8) {
    unsafe { asm!("ecall", inlateout("a0") usize::from(byte) => _, lateout("a1") _, in("a6") 0, in("a7") 1) }
}
#[unsafe(no_mangle)]
extern "C" fn main(hart: usize, _tree: usize) -> ! {
    for other in (0..HARTS).filter(|other| *other != hart) {
        unsafe {
            let sp = (&raw mut STACKS[other]).add(1);
            asm!("ecall", inlateout("a0") other => _, inlateout("a1") second as *const () as usize => _, in("a2") sp,
                in("a6") 0, in("a7") 0x48534d);
        }
    }
    unsafe { *CONFIGURATION.0.get() = [1, 2, 3, 4] };
    READY.store(true, TELLS);
    share(hart);
    while DONE.load(Ordering::Relaxed) < HARTS {
        for load in &LOADS {
            print(b'0' + (load.load(Ordering::Relaxed) % 10) as u8);
        }
    }
    fence(Ordering::Acquire);
    assert!(unsafe { (*LIST.value.get()).1 } == 5 * HARTS);
    rest()
}
#[unsafe(no_mangle)]
extern "C" fn work(hart: usize, _sp: usize) -> ! {
    share(hart);
    rest()
}
fn share(hart: usize) {
    ENTERED.fetch_add(1, Ordering::Relaxed);
    while !READY.load(HEARS) {
        spin_loop();
    }
    let configuration = unsafe { &*CONFIGURATION.0.get() };
    for round in 0..5 {
        let own = &LOADS[hart];
        own.store(own.load(Ordering::Relaxed) + configuration[3] as usize, Ordering::Relaxed);
        LIST.with(|(list, length)| {
            list[*length] = 10 * hart + round;
            *length += 1;
        });
    }
    DONE.fetch_add(1, Ordering::Release);
}
fn rest() -> ! {
    loop {
        unsafe { asm!("wfi") }
    }
}
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
