//! The guest's programs for what the board has besides virtio: slots without a device, PLIC, UART, clock.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::*;

const PLIC: usize = 0xc00_0000;
const UART: usize = 0x1000_0000;
const CLOCK: usize = 0x10_1000;
const UART_SOURCE: u32 = 10;
const CLOCK_SOURCE: u32 = 11;

pub fn run() {
    #[cfg(guest = "slots")]
    slots();
    #[cfg(guest = "plic")]
    plic();
    #[cfg(guest = "lines")]
    lines();
    #[cfg(guest = "echo")]
    echo();
    #[cfg(guest = "block")]
    block::run();
    #[cfg(guest = "others")]
    others::run();
    #[cfg(guest = "receiver")]
    others::receive();
    #[cfg(guest = "virtio-echo")]
    others::echo();
    #[cfg(guest = "writer")]
    block::write_rounds();
    #[cfg(guest = "clock")]
    clock();
}

/// Every register of every slot, by each width.
fn slots() {
    for slot in 0..8 {
        let base = 0x1000_1000 + slot * 0x1000;
        let words = [0, 4, 8, 0xc, 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc, 0x100].map(|offset| read32(base + offset));
        println!("slot {slot}: {words:x?}");
        println!("bytes {:x} {:x}, doubleword {:x}", read8(base), read16(base), read64(base));
        write32(base + 0x70, 1);
        println!("after a write: {:x}", read32(base + 0x70));
        for beyond in [0x1fc, 0x200, 0xffc] {
            read32(base + beyond);
            println!("at {beyond:x}: cause {}", fault());
        }
    }
}

pub fn enable(source: u32, priority: u32) {
    write32(PLIC + 4 * source as usize, priority);
    let word = PLIC + 0x2080 + 4 * (source as usize / 32);
    write32(word, read32(word) | 1 << (source % 32));
}

pub fn claim() -> u32 {
    read32(PLIC + 0x20_1004)
}

pub fn complete(source: u32) {
    write32(PLIC + 0x20_1004, source);
}

pub fn threshold(value: u32) {
    write32(PLIC + 0x20_1000, value);
}

pub fn pending(source: u32) -> u32 {
    read32(PLIC + 0x1000 + 4 * (source as usize / 32)) >> (source % 32) & 1
}

/// What each register holds after it was written, and which widths it takes.
fn plic() {
    for offset in [4, 8, 0x28, 0x2c, 0x17c, 0x1000, 0x1008, 0x100c, 0x2000, 0x2008, 0x200c, 0x2080, 0x2088, 0x20_0000, 0x20_1000] {
        let before = read32(PLIC + offset);
        write32(PLIC + offset, 0xffff_ffff);
        let all = read32(PLIC + offset);
        write32(PLIC + offset, 5);
        println!("plic {offset:x}: {before:x} {all:x} {:x}", read32(PLIC + offset));
        write32(PLIC + offset, 0);
    }
    // Not 0x180: QEMU 7.2 has a 96th source there, later ones have 95.
    for offset in [0x184, 0xffc, 0x1010, 0x1ffc, 0x2010, 0x2100, 0x1f_fffc, 0x20_0008, 0x20_2000, 0x5f_fffc] {
        write32(PLIC + offset, 7);
        println!("plic {offset:x}: {:x} cause {}", read32(PLIC + offset), fault());
    }
    read8(PLIC + 4);
    println!("a byte: cause {}", fault());
    read16(PLIC + 4);
    println!("a halfword: cause {}", fault());
    println!("nothing to claim: {}", claim());
}

/// Both sources pending: priorities, threshold, claim, completion, and what becomes of a line that stays up or falls.
fn lines() {
    let show = |what: &str| {
        println!("{what}: pending {} {}, sip {}", pending(UART_SOURCE), pending(CLOCK_SOURCE), external_pending())
    };
    enable(UART_SOURCE, 1);
    enable(CLOCK_SOURCE, 3);
    threshold(0);
    // An alarm that is due, and an empty transmitter.
    write32(CLOCK + 0x10, 1);
    write32(CLOCK + 0x0c, 0);
    write32(CLOCK + 0x08, 1);
    write8(UART + 1, 2);
    show("both lines up");
    threshold(3);
    show("threshold 3");
    threshold(2);
    println!("at threshold 2: claimed {}", claim());
    println!("again: {}", claim());
    show("the clock claimed");
    threshold(0);
    println!("at threshold 0: claimed {}", claim());
    show("both claimed");
    complete(CLOCK_SOURCE);
    show("the clock complete, its line up");
    write32(CLOCK + 0x1c, 0);
    complete(UART_SOURCE);
    show("both complete, the clock's line down");
    // Equal priorities: the lower number.
    write32(PLIC + 4 * CLOCK_SOURCE as usize, 1);
    write32(CLOCK + 0x08, 1);
    write8(UART + 1, 0);
    write8(UART + 1, 2);
    show("both lines up again");
    let first = claim();
    let second = claim();
    println!("claimed {first}, then {second}");
    // The second first, and one that was not claimed.
    complete(second);
    complete(5);
    complete(first);
    write8(UART + 1, 0);
    write32(CLOCK + 0x1c, 0);
    // Up and down again before anybody claims.
    write8(UART + 1, 2);
    write8(UART + 1, 0);
    println!("up and down: claim {}", claim() / 10);
    complete(UART_SOURCE);
    // Disabled, and enabled while pending.
    write32(PLIC + 0x2080, 0);
    write8(UART + 1, 2);
    show("not enabled");
    write32(PLIC + 0x2080, 1 << UART_SOURCE);
    threshold(0);
    show("enabled");
    // Priority 0 is never.
    write32(PLIC + 4 * UART_SOURCE as usize, 0);
    show("priority 0");
    println!("claim {}", claim());
}

static TYPED: AtomicU64 = AtomicU64::new(0);

/// Echoes what is typed, in its interrupt, up to a full stop.
fn echo() {
    fn handler() {
        let source = claim();
        assert_eq!(source, UART_SOURCE);
        while read8(UART + 5) & 1 != 0 {
            let byte = read8(UART);
            write8(UART, byte);
            if byte == b'.' {
                TYPED.store(1, Ordering::Relaxed);
            }
        }
        complete(source);
    }
    write8(UART + 2, 7);
    write8(UART + 1, 1);
    enable(UART_SOURCE, 1);
    threshold(0);
    on_interrupt(handler);
    println!("type, please");
    wait_until(|| TYPED.load(Ordering::Relaxed) != 0);
    println!("");
    // The transmitter's interrupt comes by itself.
    write8(UART + 1, 2);
    println!("identity {:x}, then {:x}", read8(UART + 2), read8(UART + 2));
    // What is sent last is not lost.
    for _ in 0..100 {
        println!("a long line before the power goes, which takes a while to be sent where somebody waits for it");
    }
}

/// It goes on, at the pace of `time`; its alarm interrupts.
fn clock() {
    static RUNG: AtomicU64 = AtomicU64::new(0);
    fn handler() {
        let source = claim();
        assert_eq!(source, CLOCK_SOURCE);
        write32(CLOCK + 0x1c, 0);
        complete(source);
        RUNG.fetch_add(1, Ordering::Relaxed);
    }
    let now = || u64::from(read32(CLOCK)) | u64::from(read32(CLOCK + 4)) << 32;
    let (begin, ticks) = (now(), time());
    println!("between 2024 and 2100: {}", begin / 1_000_000_000 > 1_704_067_200 && begin / 1_000_000_000 < 4_102_444_800);
    while time() < ticks + 100_000 {}
    let passed = now() - begin;
    println!("10 ms passed: {}", passed >= 10_000_000 && passed < 1_000_000_000);
    enable(CLOCK_SOURCE, 1);
    threshold(0);
    on_interrupt(handler);
    write32(CLOCK + 0x10, 1);
    let alarm = now() + 20_000_000;
    write32(CLOCK + 0xc, (alarm >> 32) as u32);
    write32(CLOCK + 8, alarm as u32);
    println!("set: {}, alarm {}", read32(CLOCK + 0x18), read32(CLOCK + 8) == alarm as u32);
    wait_until(|| RUNG.load(Ordering::Relaxed) == 1);
    println!("rung: {}, set: {}", now() >= alarm, read32(CLOCK + 0x18));
    let alarm = now() + 1_000_000_000_000;
    write32(CLOCK + 0xc, (alarm >> 32) as u32);
    write32(CLOCK + 8, alarm as u32);
    write32(CLOCK + 0x14, 0);
    println!("cleared: {}", read32(CLOCK + 0x18));
    write32(CLOCK + 4, 0x1000_0000);
    println!("set to {:x}", now() >> 32);
    read8(CLOCK);
    println!("a byte: cause {}", fault());
    println!("beyond: {:x}", read32(CLOCK + 0x20));
    read32(CLOCK + 0x24);
    println!("beyond: cause {}", fault());
}
