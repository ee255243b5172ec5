//! Searches of the past go through all of it, and leave the present as it was: its fault, and the watched access that it stands at.

use debug::ask::{self, Memory};
use debug::machine::{Access, Register, Stop, Watchpoint};
use debug::{Address, Embedded, Image, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

const SATP: u32 = 0x180;
const SCAUSE: u16 = 0x142;
const TABLE: u64 = 0x8040_0000;
/// What the table maps to RAM besides RAM itself.
const HIGH: u64 = 0xffff_ffc0_8000_0000;
const RAM: u64 = 0x8000_0000;
/// Longer than a stretch of the history, in instructions.
const LONG: u64 = 240_000;

fn load(code: &[u32], more: &[(u64, Vec<u8>)]) -> (Embedded, Image) {
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let image = elf::image(elf::build(&[&[(ENTRY, bytes)], more].concat()));
    (Embedded::load(&image, &Default::default()).unwrap(), image)
}

/// Counts x12 down for [`LONG`] instructions.
fn delay() -> Vec<u32> {
    [li(12, LONG / 2), vec![addi(12, 12, -1), branch_form(1, 12, 0, -4)]].concat()
}

fn data(start: u64) -> Memory {
    Memory { start: Address(start), length: 8, physical: false }
}

/// Writes 0x11, 0x12 and 0x13 to DATA, and reads it after each, by the same instructions, in three stretches of the history.
#[test]
fn writes_and_reads_are_found_in_all_stretches() {
    let mut code = [li(8, DATA), li(9, 0x11), li(10, 3)].concat();
    let store = code.len();
    code.extend([sd(9, 8, 0), ld(11, 8, 0), addi(9, 9, 1), addi(10, 10, -1)]);
    code.extend(delay());
    code.extend([branch_form(1, 10, 0, 4 * (store as i32 - code.len() as i32)), STAY]);
    let (mut machine, image) = load(&code, &[]);
    machine.step(4 * LONG, LIMIT).unwrap();
    let first = ask::first_write(&mut machine, &image, &data(DATA), &mut |_| true).unwrap().store.unwrap();
    assert_eq!((first.pc, first.icount, first.new), (at(store), store as u64, 0x11));
    let last = ask::last_write(&mut machine, &image, &data(DATA), &mut |_| true).unwrap().store.unwrap();
    assert_eq!((last.pc, last.new), (at(store), 0x13));
    assert!(last.icount > 2 * LONG);
    let reads = ask::reads(&mut machine, &image, &data(DATA), &mut |_| true).unwrap().loads;
    let [loads] = reads[..] else { panic!("{reads:?}") };
    assert_eq!((loads.count, loads.first.value, loads.last.value), (3, 0x11, 0x13));
    assert_eq!((loads.first.icount, loads.last.icount), (first.icount + 1, last.icount + 1));
}

/// The kernel turned paging off: nothing maps HIGH any more, and its file does not know it.
#[test]
fn who_wrote_first_or_last_where_nothing_is_mapped_now() {
    let leaf = RAM >> 12 << 10 | 0xcf;
    let mut entries = [0_u64; 512];
    (entries[2], entries[258]) = (leaf, leaf);
    let table = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let mut code = [li(9, 8 << 60 | TABLE >> 12), li(8, HIGH + (DATA - RAM)), li(10, 0x22)].concat();
    code.extend([csrw(SATP, 9), SFENCE_VMA]);
    let first = code.len();
    code.push(sd(10, 8, 0));
    code.extend(delay());
    let last = code.len();
    code.extend([sd(8, 8, 0), csrw(SATP, 0), SFENCE_VMA, STAY]);
    let (mut machine, image) = load(&code, &[(TABLE, table)]);
    machine.step(2 * LONG, LIMIT).unwrap();
    assert_eq!(machine.read_register(Register::Csr(SATP as u16)).unwrap(), 0);
    let memory = data(HIGH + (DATA - RAM));
    let answer = ask::first_write(&mut machine, &image, &memory, &mut |_| true).unwrap();
    let store = answer.store.expect("it was written");
    assert_eq!((store.pc, store.new, &answer.ranges[..]), (at(first), 0x22, &[][..]));
    let answer = ask::last_write(&mut machine, &image, &memory, &mut |_| true).unwrap();
    assert_eq!(answer.store.expect("it was written").pc, at(last));
    let beside = data(HIGH + (DATA - RAM) + 8);
    assert_eq!(ask::first_write(&mut machine, &image, &beside, &mut |_| true).unwrap().store, None);
}

#[test]
fn a_search_at_a_fault_leaves_it_there() {
    let code = [li(8, DATA), vec![sd(8, 8, 0), ld(11, 8, 0), ld(12, 0, 0)]].concat();
    let (mut machine, image) = load(&code, &[]);
    assert!(matches!(resume(&mut machine), Stop::Fault(_)));
    let (fault, here) = (machine.fault(), machine.icount());
    type Search = fn(&mut Embedded, &Image);
    let searches: [(&str, Search); 7] = [
        ("last-write", |machine, image| drop(ask::last_write(machine, image, &data(DATA), &mut |_| true))),
        ("first-write", |machine, image| drop(ask::first_write(machine, image, &data(DATA), &mut |_| true))),
        // It compares with the beginning.
        ("never written", |machine, image| drop(ask::last_write(machine, image, &data(DATA + 64), &mut |_| true))),
        ("reads", |machine, image| drop(ask::reads(machine, image, &data(DATA), &mut |_| true))),
        ("traps", |machine, _| drop(ask::last_traps(machine, 5, &mut |_| true))),
        ("when", |machine, image| drop(ask::when(machine, image, at(0), &mut |_| true))),
        ("at", |machine, image| drop(ask::at(machine, image, 1))),
    ];
    for (name, search) in searches {
        search(&mut machine, &image);
        assert_eq!((machine.fault(), machine.icount()), (fault, here), "{name}");
        assert_eq!(csr(&mut machine, SCAUSE), 5, "{name}");
    }
    // Earlier there was none.
    assert_eq!(machine.at_moment(1, |machine| machine.fault()), Some(None));
    assert_eq!(machine.at_moment(here, |machine| machine.fault()), Some(fault));
}

/// Watchpoints are set meanwhile where a client has `breakpoint always-inserted on`.
#[test]
fn a_search_at_a_watched_access_passes_others_and_leaves_it_there() {
    let mut code = li(8, DATA);
    let store = code.len();
    code.extend([sd(8, 8, 0), addi(9, 9, 1), jump_form(0, -8)]);
    let (mut machine, image) = load(&code, &[]);
    machine.step(store as u64 + 3 * 50, LIMIT).unwrap();
    machine.insert_watchpoint(Watchpoint { address: Address(DATA), length: 8, access: Access::Write }).unwrap();
    let stop = Stop::Watchpoint { address: Address(DATA) };
    machine.step(1, LIMIT).unwrap();
    assert_eq!(machine.registers().unwrap().pc, at(store).0);
    machine.step(1, LIMIT).unwrap();
    for rounds in 51..54 {
        assert_eq!(resume(&mut machine), stop);
        assert_eq!(machine.icount(), store as u64 + 3 * rounds, "each access stops once");
        let when = ask::when(&mut machine, &image, at(store + 1), &mut |_| true).unwrap();
        assert_eq!(when.count, rounds);
    }
}

/// A kernel that waits for long after its last trap would else be executed again as a whole.
#[test]
fn the_last_trap_is_found_without_executing_what_came_after() {
    const HANDLER: usize = 128;
    const EBREAK: u32 = 0x0010_0073;
    let mut code = [li(8, ENTRY + 4 * HANDLER as u64), vec![csrw(0x105, 8)]].concat();
    let trap = code.len();
    code.push(EBREAK);
    (0..8).for_each(|_| code.extend(delay()));
    code.push(STAY);
    code.resize(HANDLER, 0);
    code.extend([csrr(9, 0x141), addi(9, 9, 4), csrw(0x141, 9), SRET]);
    let (mut machine, _) = load(&code, &[]);
    machine.step(8 * LONG, LIMIT).unwrap();
    let mut asked = Vec::new();
    let traps = ask::last_traps(&mut machine, 1, &mut |moment| {
        asked.push(moment);
        true
    });
    let [taken] = traps.unwrap()[..] else { panic!("one was asked for") };
    assert_eq!((taken.pc, taken.icount), (at(trap), trap as u64));
    assert!(asked.iter().all(|moment| *moment < 2 * LONG), "{asked:?}");
    assert_eq!(machine.icount(), 8 * LONG);
}
