//! The embedded machine against QEMU: generated programs run on both, and every register, flag, trap and byte must be the same.
//!
//! `DIFFERENTIAL_SEED` repeats a run, `DIFFERENTIAL_SLOTS` makes it larger (it is the number of instructions of each kind).

mod access;
mod bits;
mod blocks;
mod coverage;
mod cpu;
mod csrs;
mod devices;
mod generate;
mod guest;
mod interrupts;
mod known;
mod machine;
mod missing;
mod operands;
mod paging;
mod program;
mod run;
mod supervisor;
mod sv32;
mod zfa;

use debug::riscv::Xlen;

use crate::random::Random;
use coverage::Coverage;

/// Of an ordinary run, so that the same commit always gets the same answer. Whoever looks for differences takes others.
const SEED: u64 = 1;

/// Of each kind, in a run of the ordinary tests.
const SLOTS: usize = 16_000;

#[test]
fn generated_programs_do_the_same_as_on_qemu() {
    compare(Xlen::Rv64);
}

#[test]
fn generated_programs_of_32_bits_do_the_same_as_on_qemu() {
    compare(Xlen::Rv32);
}

fn compare(xlen: Xlen) {
    let seed = number("DIFFERENTIAL_SEED").unwrap_or(SEED);
    let slots = number("DIFFERENTIAL_SLOTS").map_or(SLOTS, |slots| slots as usize);
    println!("DIFFERENTIAL_SEED={seed} DIFFERENTIAL_SLOTS={slots}");
    let mut random = Random::new(seed);
    let mut failures = Vec::new();
    let mut executed = 0;
    let mut coverage = Coverage::new(xlen);
    let only = std::env::var("DIFFERENTIAL_ONLY").unwrap_or_default();
    for program in generate::programs(xlen, &mut random, slots) {
        if !program.name.contains(&only) {
            continue;
        }
        executed += program.slots.len();
        match run::compare(&program) {
            Ok(records) => coverage.count(&program, &records),
            Err(difference) => failures.push(difference),
        }
    }
    println!("{executed} slots compared; {}", coverage.summary());
    print!(
        "what {} is known to do otherwise:\n{}",
        cpu::ask(&["--version"]).lines().next().unwrap_or_default(),
        known::summary()
    );
    assert!(failures.is_empty(), "DIFFERENTIAL_SEED={seed} DIFFERENTIAL_SLOTS={slots}\n{}", failures.join("\n"));
    // Of a run that somebody made smaller, this would be too much to ask.
    if slots >= SLOTS && only.is_empty() {
        let missing = coverage.missing();
        assert!(missing.is_empty(), "DIFFERENTIAL_SEED={seed}: not executed: {}", missing.join(", "));
        // Programs of 32 bits have no guests.
        if xlen == Xlen::Rv64 {
            let not_met = known::not_met(debug::remote::qemu::known::of_guests_traps);
            assert!(not_met.is_empty(), "this QEMU does not have these: {not_met:#?}");
        }
    }
}

#[test]
fn the_kernel_finds_the_same_hart_as_under_qemu() {
    let program = generate::plain("handoff", &mut Random::new(0), 1, |_| program::slot(&[]));
    run::compare_entry(&program);
}

/// What QEMU prints when it is given these.
pub fn ask_qemu(arguments: &[&str]) -> String {
    cpu::ask(arguments)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
