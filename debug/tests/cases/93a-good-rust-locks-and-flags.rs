// expect: pass
// on: embedded
// words: races
// flags: --smp 3 --schedules 60
// rustflags: -C opt-level=3 -C debuginfo=2
// why: Locks and flags with release and acquire, counters and statistics that are Relaxed.
#![no_std]
#![no_main]
const TELLS: Ordering = Ordering::Release;
const HEARS: Ordering = Ordering::Acquire;
include!("harts.rs");
