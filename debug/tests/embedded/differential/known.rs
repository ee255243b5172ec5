//! Whether what differs in a slot is a fault of QEMU's that the table of those knows. Nothing else is forgiven.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use debug::machine::Quirk;
use debug::machine::quirk::{Case, GuestValues, Outcome, TrapValues, explain, is_store_conditional};
use debug::remote::qemu::{Version, known};

use super::cpu;
use super::program::{SLOT_SIZE, SLOTS, TEXT};

/// The fields of a record, by their place in it.
const SCAUSE: usize = 1;
const SEPC: usize = 2;
const STVAL: usize = 3;
const SSTATUS: usize = 4;
const HSTATUS: usize = 8;
const HTVAL: usize = 9;
const HTINST: usize = 10;
const VSSTATUS: usize = 11;
const VSCAUSE: usize = 12;
const VSEPC: usize = 13;
const VSTVAL: usize = 14;

const SPV: u64 = 1 << 7;
const ILLEGAL_INSTRUCTION: u64 = 2;
const BREAKPOINT: u64 = 3;
const EBREAK: u32 = 0x10_0073;

pub static VERSION: LazyLock<Version> =
    LazyLock::new(|| cpu::ask(&["--version"]).parse().expect("QEMU says which version it is"));

/// Whether page tables differ only in entries that the table knows.
pub fn explains_page_tables(here: &[u8], there: &[u8]) -> bool {
    let entries = |bytes: &[u8]| -> Vec<u64> {
        bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    };
    let [here, there] = [here, there].map(entries);
    let outcome = |entry| Outcome { entry: Some(entry), ..Outcome::default() };
    here.iter().zip(&there).all(|(here, there)| {
        here == there || explained(&mut Case { instruction: 0, machine: outcome(*there), manual: outcome(*here) })
    })
}

/// Takes out what the table explains, and counts it; whether that is all.
pub fn explained(case: &mut Case) -> bool {
    static QUIRKS: LazyLock<Vec<Quirk>> = LazyLock::new(|| known::of(*VERSION));
    explain(&QUIRKS, case).iter().for_each(|quirk| count(quirk.what));
    case.machine == case.manual
}

/// Whether all that differs is explained.
pub fn is_error_of_qemu(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> bool {
    // OpenSBI 1.6 enters the handler of what it passes on with V still set: the handler's own first store fails.
    let in_handler = (TEXT..SLOTS).contains(&there[SEPC]) && there[HSTATUS] & SPV != 0;
    let is_sc = instruction(slot, 0).is_some_and(is_store_conditional);
    let is_passed_on = matches!(here[SCAUSE], 1 | 2 | 4..=7) || is_sc && here[SCAUSE] == BREAKPOINT;
    if in_handler && *VERSION >= Version::new(10, 0) && is_passed_on {
        return true;
    }
    let (mut here, mut there) = (here.to_vec(), there.to_vec());
    // "Supervisor Trap Value Register": of an illegal instruction its bits, or 0. A firmware fills them in.
    if [here[SCAUSE], there[SCAUSE]] == [ILLEGAL_INSTRUCTION; 2] && there[STVAL] == 0 {
        there[STVAL] = here[STVAL];
    }
    if here == there || is_explained_at(slot, place_of_trap(&here, &there), &here, &mut there) {
        return true;
    }
    if here[SEPC] != there[SEPC] && explained(&mut only_sepc_differs(&here, &there)) {
        // What else differs is judged by itself.
        there[SEPC] = here[SEPC];
    }
    let both_end = here[SCAUSE] == BREAKPOINT && there[SCAUSE] == BREAKPOINT;
    if both_end && here[STVAL] != there[STVAL] {
        // Slots end in breakpoints: what those leave in stval is a difference of its own.
        let [machine, manual] =
            [&there, &here].map(|record| Outcome { trap: trap(record, record[SEPC]), ..Outcome::default() });
        if !explained(&mut Case { instruction: EBREAK, machine, manual }) {
            return false;
        }
        here[STVAL] = there[STVAL];
    }
    let at = if both_end { SLOTS } else { place_of_trap(&here, &there) };
    here == there || is_explained_at(slot, at, &here, &mut there)
}

/// Takes out of QEMU's record what is explained of the instruction there; whether that is all.
fn is_explained_at(slot: &[u8; SLOT_SIZE], at: u64, here: &[u64], there: &mut [u64]) -> bool {
    let place = (at.wrapping_sub(SLOTS) % SLOT_SIZE as u64) as usize;
    let instruction = instruction(slot, place).unwrap_or(0);
    let mut case = Case { instruction, machine: outcome(there, at), manual: outcome(here, at) };
    let executed = |outcome: &Outcome| outcome.trap.is_none() && outcome.guest.told.is_none();
    let both_alike = executed(&case.machine) == executed(&case.manual);
    if explained(&mut case) && !both_alike {
        return true;
    }
    let Outcome { trap, sstatus, guest, .. } = case.machine;
    for (fields, trap) in [([SCAUSE, SEPC, STVAL], trap), ([VSCAUSE, VSEPC, VSTVAL], guest.told)] {
        let values = trap.map(|trap| [trap.cause, trap.pc, trap.value]);
        fields.into_iter().zip(values.into_iter().flatten()).for_each(|(field, value)| there[field] = value);
    }
    let others = [
        (SSTATUS, sstatus),
        (HSTATUS, guest.hstatus),
        (HTVAL, guest.htval),
        (HTINST, guest.htinst),
        (VSSTATUS, guest.vsstatus),
    ];
    others.into_iter().for_each(|(field, value)| there[field] = value);
    here == there
}

/// Where an instruction trapped on one of both: where a guest was told of it on one alone, that is the place.
fn place_of_trap(here: &[u64], there: &[u64]) -> u64 {
    let told = |record: &[u64]| (record[VSCAUSE] != 0).then_some(record[VSEPC]);
    let differs = [VSCAUSE, VSEPC, VSTVAL].iter().any(|field| here[*field] != there[*field]);
    let told = told(here).into_iter().chain(told(there)).min().filter(|_| differs);
    told.unwrap_or(here[SEPC].min(there[SEPC]))
}

/// How many differences each fault of the table has explained.
static EXPLAINED: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

fn count(what: &'static str) {
    *EXPLAINED.lock().expect("no test panics here").entry(what).or_default() += 1;
}

/// Those of these faults that no test of this run has met, though the table has them for this version.
pub fn not_met(expected: fn(Version) -> Vec<Quirk>) -> Vec<&'static str> {
    let explained = EXPLAINED.lock().expect("no test panics here");
    let expected = if known::TESTED.contains(&VERSION) { expected(*VERSION) } else { Vec::new() };
    expected.iter().map(|quirk| quirk.what).filter(|what| !explained.contains_key(what)).collect()
}

/// The faults of QEMU's that this run has met, each in a line: what says of a version whether it still has one.
pub fn summary() -> String {
    let explained = EXPLAINED.lock().expect("no test panics here");
    explained.iter().map(|(what, count)| format!("  {count} times: {what}\n")).collect()
}

/// An instruction that trapped, as if nothing but sepc were different.
fn only_sepc_differs(here: &[u64], there: &[u64]) -> Case {
    let manual = Outcome { trap: trap(here, here[SEPC]), ..Outcome::default() };
    let trap = manual.trap.map(|trap| TrapValues { pc: there[SEPC], ..trap });
    Case { instruction: 0, machine: Outcome { trap, ..manual }, manual }
}

fn trap(record: &[u64], at: u64) -> Option<TrapValues> {
    let trap = TrapValues { cause: record[SCAUSE], pc: record[SEPC], value: record[STVAL] };
    (trap.pc == at).then_some(trap)
}

/// What the instruction at `at` did, by the record of its slot.
fn outcome(record: &[u64], at: u64) -> Outcome {
    let told = TrapValues { cause: record[VSCAUSE], pc: record[VSEPC], value: record[VSTVAL] };
    let guest = GuestValues {
        told: (told.cause != 0).then_some(told),
        hstatus: record[HSTATUS],
        vsstatus: record[VSSTATUS],
        htval: record[HTVAL],
        htinst: record[HTINST],
    };
    Outcome { trap: trap(record, at), sstatus: record[SSTATUS], guest, ..Outcome::default() }
}

fn instruction(slot: &[u8; SLOT_SIZE], place: usize) -> Option<u32> {
    let low = u16::from_le_bytes(*slot.get(place..)?.first_chunk()?);
    if low & 3 != 3 {
        return Some(low.into());
    }
    Some(u32::from_le_bytes(*slot.get(place..)?.first_chunk()?))
}
