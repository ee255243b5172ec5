// expect: races
// on: embedded
// words: loads kernel::CONFIGURATION; waited for kernel::READY; no acquire is behind
// flags: --smp 3 --schedules 60
// rustflags: -C opt-level=3 -C debuginfo=2
// why: The flag is released, and the wait is Relaxed.
#![no_std]
#![no_main]
const TELLS: Ordering = Ordering::Release;
const HEARS: Ordering = Ordering::Relaxed;
include!("harts.rs");
