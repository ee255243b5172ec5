// expect: pass
// on: embedded
// words: races
// flags: --smp 3 --schedules 50
// rustflags: -C opt-level=0 -C debuginfo=2
// why: The same without optimisation.
#![no_std]
#![no_main]
const TELLS: Ordering = Ordering::Release;
const HEARS: Ordering = Ordering::Acquire;
include!("harts.rs");
