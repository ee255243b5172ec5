//! How fast the embedded machine runs, what its history costs, and how quick a step back is.
//!
//! `cargo bench -p debug --bench embedded`

use std::time::{Duration, Instant};

use debug::embedded::Options;
use debug::{Embedded, Machine};

const ENTRY: u64 = 0x8020_0000;
const ROUNDS: usize = 5;
const INSTRUCTIONS: u64 = 200_000_000;

/// t0 from 0x80400000 on, 60 MiB, a doubleword at a time, for ever.
const CLEAR: [u32; 9] = [
    0x0201_02b7, // lui t0, 0x2010
    0x0062_9293, // slli t0, t0, 6
    0x03c0_0313, // li t1, 60
    0x0143_1313, // slli t1, t1, 20
    0x0053_0333, // add t1, t1, t0
    0x0002_b023, // sd zero, 0(t0)
    0x0082_8293, // addi t0, t0, 8
    0xfe62_ece3, // bltu t0, t1, -8
    0xfe1f_f06f, // j -32
];

/// Multiplies, shifts, branches both ways, loads and stores within 2 KiB, calls and returns, for ever.
const MIXED: [u32; 17] = [
    0x0200_c437, // lui s0, 0x200c
    0x0064_1413, // slli s0, s0, 6
    0x02b5_0633, // mul a2, a0, a1
    0x00a6_4633, // xor a2, a2, a0
    0x0076_5693, // srli a3, a2, 7
    0x7f86_f713, // andi a4, a3, 0x7f8
    0x00e4_07b3, // add a5, s0, a4
    0x0007_b803, // ld a6, 0(a5)
    0x00c8_0833, // add a6, a6, a2
    0x0107_b023, // sd a6, 0(a5)
    0x0015_0513, // addi a0, a0, 1
    0x0007_0463, // beqz a4, 8
    0x0105_85bb, // addw a1, a1, a6
    0x0080_00ef, // jal 8
    0xfd1f_f06f, // j -48
    0xff01_0113, // addi sp, sp, -16
    0x0000_8067, // ret
];

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<24} {:>16} {:>16} {:>14}   goals", "", "with history", "without", "history costs");
    for (name, code) in [("BSS clear, 60 MiB", &CLEAR[..]), ("mixed integer", &MIXED[..])] {
        let with = speed(code, Options::default());
        let without = speed(code, Options { history_mib: 0, ..Options::default() });
        let cost = 100.0 * (1.0 - with / without);
        println!("{name:<24} {with:>10.0} MIPS  {without:>10.0} MIPS  {cost:>12.1} %   at least 50 MIPS, at most 20 %");
        println!(
            "{:<24} {:>10.0} µs, at the median, 10 million instructions on   at most 1000 µs",
            "  one step back",
            step_back(code)
        );
    }
}

/// Millions of instructions a second, the median of some rounds.
fn speed(code: &[u32], options: Options) -> f64 {
    median((0..ROUNDS).map(|_| {
        let mut machine = boot(code, &options);
        let begun = Instant::now();
        machine.step(INSTRUCTIONS, Duration::MAX).expect("it runs");
        INSTRUCTIONS as f64 / begun.elapsed().as_secs_f64() / 1e6
    }))
}

/// Microseconds of one reverse step, the median of many.
fn step_back(code: &[u32]) -> f64 {
    let mut machine = boot(code, &Options::default());
    machine.step(10_000_000, Duration::MAX).expect("it runs");
    median((0..101).map(|_| {
        let begun = Instant::now();
        machine.reverse_step(1, Duration::MAX).expect("it goes back");
        begun.elapsed().as_secs_f64() * 1e6
    }))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn boot(code: &[u32], options: &Options) -> Embedded {
    Embedded::load(&kernel(code), options).expect("it is a kernel")
}

/// An ELF with one segment.
fn kernel(code: &[u32]) -> Vec<u8> {
    let contents: Vec<u8> = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf3\0\x01\0\0\0");
    [ENTRY, 64, 0].iter().for_each(|word| file.extend(word.to_le_bytes()));
    file.extend([0; 4]);
    [64_u16, 56, 1, 0, 0, 0].iter().for_each(|half| file.extend(half.to_le_bytes()));
    file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    let size = contents.len() as u64;
    [120, ENTRY, ENTRY, size, size, 1].iter().for_each(|word| file.extend(word.to_le_bytes()));
    file.extend(contents);
    file
}
