// expect: races
// on: embedded
// words: loads kernel::CONFIGURATION; waited for kernel::READY; no release is before; harts.rs:\d+
// flags: --smp 3 --schedules 60
// rustflags: -C opt-level=3 -C debuginfo=2
// why: A Relaxed flag tells of a plain variable.
#![no_std]
#![no_main]
const TELLS: Ordering = Ordering::Relaxed;
const HEARS: Ordering = Ordering::Relaxed;
include!("harts.rs");
