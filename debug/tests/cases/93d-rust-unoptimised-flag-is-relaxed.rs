// expect: races
// on: embedded
// words: loads kernel::CONFIGURATION; waited for kernel::READY; no release is before
// flags: --smp 3 --schedules 50
// rustflags: -C opt-level=0 -C debuginfo=2
// why: The same without optimisation: the loop that waits uses its stack.
#![no_std]
#![no_main]
const TELLS: Ordering = Ordering::Relaxed;
const HEARS: Ordering = Ordering::Relaxed;
include!("harts.rs");
