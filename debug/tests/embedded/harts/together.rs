//! The end states of programs of several harts, here and on QEMU.

use std::io::Write;

use debug::embedded::{Firmware, Options};
use debug::machine::Stop;
use debug::qemu::{Bios, MachineOptions};
use debug::{Address, Embedded, Machine, Qemu};

use super::program::{self, Code};
use super::{HARTS, counting};
use crate::assembler::*;
use crate::kernel::*;

const MACHINE_ENTRY: u64 = 0x8000_0000;
/// Bytes of DATA that are compared.
const COMPARED: usize = 0x200;

/// What lies at DATA when a hart comes to the label `done`.
fn outcome(machine: &mut dyn Machine, done: u64) -> Vec<u64> {
    machine.insert_breakpoint(Address(done)).unwrap();
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    let mut bytes = [0; COMPARED];
    machine.read_memory(Address(DATA), &mut bytes).unwrap();
    bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
}

/// QEMU's end state, and that here under some schedules is the same, but for the words that `luck` names.
fn compare(code: &Code, base: u64, luck: &[usize]) -> Vec<u64> {
    let (done, words) = (code.address(base, "done"), code.words(base));
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let elf = crate::elf::build(&[(base, bytes)]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&elf).unwrap();
    let in_machine_mode = base == MACHINE_ENTRY;
    let machine = MachineOptions {
        bios: if in_machine_mode { Bios::None } else { Bios::Default },
        smp: HARTS as u32,
        kernel: Some(file.path().into()),
        ..MachineOptions::default()
    };
    let mut qemu = Qemu::start_machine(&machine, LIMIT).unwrap();
    let without_luck = |mut state: Vec<u64>| {
        luck.iter().for_each(|word| state[*word] = 0);
        state
    };
    let there = without_luck(outcome(qemu.machine(), done));
    for schedule in 0..20 {
        let firmware = if in_machine_mode { Firmware::None } else { Firmware::Host };
        let options = Options { harts: HARTS, schedule, firmware, ..Options::default() };
        let mut machine = Embedded::load(&crate::elf::image(elf.clone()), &options).unwrap();
        assert_eq!(without_luck(outcome(&mut machine, done)), there, "schedule {schedule}");
    }
    there
}

#[test]
fn counters_and_locks_end_alike() {
    let state = compare(&counting(), ENTRY, &[0x100 / 8]);
    assert_eq!(state[0], super::program::ROUNDS * HARTS as u64);
}

/// Keeps a0 at this offset of what x8 points to.
fn keep(code: &mut Code, offset: i32) {
    code.put([sd(10, 8, offset)]);
}

/// The calls about harts: what they answer of harts in each state, an interrupt that wakes one, and one that stops and starts again.
#[test]
fn harts_are_started_woken_and_stopped_alike() {
    let mut code = Code::new();
    code.li(8, DATA);
    // x21 is another hart than this one: 0, or 1 where this is 0.
    code.put([addi(20, 10, 0), addi(21, 0, 0)]);
    code.branch(NOT_EQUAL, 20, 0, "other");
    code.put([addi(21, 0, 1)]);
    code.label("other");
    let of_other = |code: &mut Code, function: u64| {
        code.li(17, program::HART_STATE);
        code.li(16, function);
        code.put([addi(10, 21, 0)]);
    };
    of_other(&mut code, 2);
    code.put([ECALL, sd(11, 8, 0)]);
    code.call(program::HART_STATE, 2, &[9]);
    keep(&mut code, 8);
    code.call(program::HART_STATE, 0, &[9, ENTRY, 0]);
    keep(&mut code, 16);
    of_other(&mut code, 0);
    code.li(11, 0x8000_0000);
    code.put([ECALL]);
    keep(&mut code, 24);
    of_other(&mut code, 0);
    code.la(11, "worker");
    code.put([addi(12, 0, 77), ECALL]);
    keep(&mut code, 32);
    // It says that it waits.
    code.label("wait");
    code.put([ld(5, 8, 0x40)]);
    code.branch(EQUAL, 5, 0, "wait");
    of_other(&mut code, 0);
    code.la(11, "worker");
    code.put([ECALL]);
    keep(&mut code, 40);
    of_other(&mut code, 2);
    code.put([ECALL, sd(11, 8, 48)]);
    code.li(17, program::IPI);
    code.li(16, 0);
    code.put([addi(10, 0, 1), addi(11, 21, 0), ECALL]);
    keep(&mut code, 56);
    code.label("stops");
    of_other(&mut code, 2);
    code.put([ECALL, addi(5, 0, 1)]);
    code.branch(NOT_EQUAL, 11, 5, "stops");
    // A mask from a hart on that does not exist.
    code.call(program::IPI, 0, &[1, 100]);
    keep(&mut code, 0x80);
    of_other(&mut code, 0);
    code.la(11, "again");
    code.put([addi(12, 0, 5), ECALL]);
    code.label("last");
    code.put([ld(5, 8, 0x90)]);
    code.branch(EQUAL, 5, 0, "last");
    code.label("done");
    code.put([STAY]);

    code.label("worker");
    code.li(8, DATA);
    code.put([addi(5, 0, 2), csrw(0x104, 5), sd(11, 8, 0x48), addi(6, 0, 1), sd(6, 8, 0x40)]);
    code.label("sleeps");
    code.put([WFI, csrr(7, 0x144), immediate_form(OP_IMMEDIATE, 7, 7, 7, 2)]);
    code.branch(EQUAL, 7, 0, "sleeps");
    code.put([sd(7, 8, 0x50), csrr(7, 0x180), sd(7, 8, 0x58)]);
    code.call(program::HART_STATE, 1, &[]);
    code.put([sd(5, 8, 0x60)]);
    code.label("again");
    code.li(8, DATA);
    code.put([csrr(5, 0x104), sd(5, 8, 0x88), csrr(5, 0x144), sd(5, 8, 0x98), sd(11, 8, 0x90), WFI]);
    // OpenSBI 1.1 refuses that mask, as here; 1.6 does not. 1.9 starts a hart with its timer due, which sip shows.
    let state = compare(&code, ENTRY, &[0x80 / 8, 0x98 / 8]);
    let error = |number: i64| number as u64;
    assert_eq!(state[..8], [1, error(-3), error(-3), error(-5), 0, error(-6), 0, 0]);
    assert_eq!((state[9], state[10], state[0x90 / 8]), (77, 2, 5));
}

/// Harts load through a page table that one of them changes again and again: behind the remote fence each loads from where the entry leads now,
/// whichever call it was and however the harts were named.
#[test]
fn remote_fences_reach_every_hart_alike() {
    // Not where a small TLB would have it in the place of other words that are loaded.
    const VIRTUAL: u64 = 0x4004_5000;
    const CHANGES: i32 = 20;
    let [root, middle, last, one, other] = [0, 1, 2, 3, 4].map(|page| DATA + 0x10_0000 + 0x1000 * page);
    let to = |address: u64, flags: u64| address >> 12 << 10 | flags;
    let (pointer, leaf) = (1, 0xcf);
    let mut code = Code::new();
    code.li(8, DATA);
    // RAM where it is, and a page elsewhere.
    let entries = [(root + 16, to(0x8000_0000, leaf)), (root + 8, to(middle, pointer)), (middle, to(last, pointer))];
    for (address, value) in entries.into_iter().chain([(last + 8 * 0x45, to(one, leaf)), (one, 11), (other, 22)]) {
        code.li(5, value);
        code.li(6, address);
        code.put([sd(5, 6, 0)]);
    }
    code.start_others(HARTS, "worker");
    code.put([addi(18, 0, 1)]);
    code.jump("both");
    code.label("worker");
    code.li(8, DATA);
    code.put([addi(18, 0, 0)]);
    code.label("both");
    // x21 is where the hart keeps the sum of what it loaded, each times the round.
    code.put([immediate_form(OP_IMMEDIATE, 1, 21, 10, 3), register_form(OP, 0, 0, 21, 21, 8), addi(21, 21, 0x40)]);
    code.li(5, 8 << 60 | root >> 12);
    code.put([csrw(0x180, 5), SFENCE_VMA]);
    code.li(9, VIRTUAL);
    code.li(22, last + 8 * 0x45);
    code.li(23, to(one, leaf));
    code.li(25, to(one, leaf) ^ to(other, leaf));
    // The sum, the round, what all have loaded by then, the call, the first hart of its mask, and what it answered.
    code.put([26, 19, 27, 30, 31].map(|register| addi(register, 0, 0)));
    code.put([addi(24, 0, 1)]);
    // What was executed before is known: nothing but the fence makes a hart look again.
    code.label("round");
    code.put([addi(19, 19, 1), addi(27, 27, HARTS as i32), ld(5, 9, 0)]);
    code.put([register_form(OP, 1, 0, 5, 5, 19), register_form(OP, 0, 0, 26, 26, 5), sd(26, 21, 0)]);
    code.put([addi(7, 0, 1), amo(ADD, 0, 8, 7)]);
    code.branch(NOT_EQUAL, 18, 0, "all");
    code.label("wait");
    code.put([ld(5, 8, 8)]);
    code.branch(NOT_EQUAL, 5, 19, "wait");
    code.jump("changed");
    code.label("all");
    code.put([ld(5, 8, 0)]);
    code.branch(NOT_EQUAL, 5, 27, "all");
    code.put([register_form(OP, 0, 4, 23, 23, 25), sd(23, 22, 0)]);
    code.li(17, program::REMOTE_FENCE);
    code.put([
        addi(10, 0, 0xf),
        addi(11, 30, 0),
        addi(12, 9, 0),
        addi(13, 0, 2047),
        addi(14, 0, 0),
        addi(16, 24, 0),
        ECALL,
    ]);
    code.put([register_form(OP, 0, 6, 31, 31, 10), immediate_form(OP_IMMEDIATE, 4, 30, 30, -1)]);
    code.put([immediate_form(OP_IMMEDIATE, 4, 24, 24, 3), sd(19, 8, 8)]);
    code.label("changed");
    code.put([addi(5, 0, CHANGES)]);
    code.branch(NOT_EQUAL, 19, 5, "round");
    code.branch(NOT_EQUAL, 18, 0, "last");
    code.label("rest");
    code.put([WFI]);
    code.jump("rest");
    code.label("last");
    code.call(program::REMOTE_FENCE, 0, &[0xf, 0]);
    code.put([register_form(OP, 0, 6, 31, 31, 10), sd(31, 8, 16)]);
    code.label("done");
    code.put([STAY]);
    let state = compare(&code, ENTRY, &[]);
    assert_eq!(state[2], 0, "all calls succeed");
    let sum: u64 = (1..=CHANGES as u64).map(|round| round * if round % 2 == 0 { 22 } else { 11 }).sum();
    assert_eq!(state[8..][..HARTS], [sum; HARTS]);
}

/// All begin in M-mode at once: they draw tickets, and the first wakes the others through the CLINT, each by its own timer or message.
#[test]
fn in_machine_mode_all_begin_and_wake_each_other_alike() {
    let mut code = Code::new();
    code.li(8, DATA);
    code.li(9, 0x200_0000);
    code.put([addi(5, 0, 1), amo(ADD, 6, 8, 5), csrr(20, 0xf14), immediate_form(OP_IMMEDIATE, 1, 21, 20, 3)]);
    code.branch(EQUAL, 6, 0, "first");
    // Others wait for their message.
    code.put([addi(7, 0, 8), csrw(0x304, 7)]);
    code.label("sleeps");
    code.put([WFI, csrr(7, 0x344), immediate_form(OP_IMMEDIATE, 7, 7, 7, 8)]);
    code.branch(EQUAL, 7, 0, "sleeps");
    // msip of this hart, back to 0.
    code.put([
        immediate_form(OP_IMMEDIATE, 1, 22, 20, 2),
        register_form(OP, 0, 0, 22, 22, 9),
        store_form(STORE, 2, 22, 0, 0),
    ]);
    // Its timer, once it is due; far away before.
    code.li(23, 0x200_4000);
    code.put([register_form(OP, 0, 0, 23, 23, 21), addi(7, 0, -1), sd(7, 23, 0)]);
    code.put([
        addi(7, 0, 0x80),
        csrw(0x304, 7),
        csrr(7, 0x344),
        addi(24, 8, 0x40),
        register_form(OP, 0, 0, 24, 24, 21),
    ]);
    code.put([sd(7, 24, 0), sd(0, 23, 0)]);
    code.label("ticks");
    code.put([WFI, csrr(7, 0x344)]);
    code.branch(EQUAL, 7, 0, "ticks");
    code.put([sd(7, 24, 0x40), addi(6, 8, 8), amo(ADD, 0, 6, 5)]);
    code.label("rest");
    code.put([WFI]);
    code.jump("rest");
    code.label("first");
    code.put([immediate_form(OP_IMMEDIATE, 1, 22, 20, 2)]);
    // It waits until all have drawn, and sends a message to all but itself.
    code.label("draw");
    code.put([immediate_form(LOAD, 2, 6, 8, 0), addi(7, 0, HARTS as i32)]);
    code.branch(NOT_EQUAL, 6, 7, "draw");
    code.put([addi(10, 0, 0)]);
    code.label("next");
    code.branch(EQUAL, 10, 22, "itself");
    code.put([register_form(OP, 0, 0, 11, 10, 9), store_form(STORE, 2, 11, 5, 0)]);
    code.label("itself");
    code.put([addi(10, 10, 4), addi(11, 0, 4 * HARTS as i32)]);
    code.branch(NOT_EQUAL, 10, 11, "next");
    code.label("all");
    code.put([immediate_form(LOAD, 2, 6, 8, 8), addi(7, 0, HARTS as i32 - 1)]);
    code.branch(NOT_EQUAL, 6, 7, "all");
    // Which hart was the first is luck: its words are made those of the others.
    code.put([addi(24, 8, 0x40), register_form(OP, 0, 0, 24, 24, 21), addi(7, 0, 0x80), sd(0, 24, 0), sd(7, 24, 0x40)]);
    code.label("done");
    code.put([STAY]);
    let state = compare(&code, MACHINE_ENTRY, &[]);
    assert_eq!((state[0], state[1]), (HARTS as u64, HARTS as u64 - 1));
    assert_eq!((&state[8..12], &state[16..20]), (&[0; 4][..], &[0x80; 4][..]));
}
