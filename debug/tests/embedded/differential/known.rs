//! Whether what differs in a slot is a fault of QEMU's that the table of those knows. Nothing else is forgiven.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use debug::machine::Quirk;
use debug::machine::quirk::{Case, Outcome, TrapValues};
use debug::remote::qemu::{Version, known};

use super::cpu;
use super::program::{SLOT_SIZE, SLOTS, TEXT};

/// The fields of a record, by their place in it.
const SCAUSE: usize = 1;
const SEPC: usize = 2;
const STVAL: usize = 3;
const SSTATUS: usize = 4;
/// Those that a case does not tell of: they are the same, where both or neither executed the instruction.
const OTHERS: [usize; 13] = [0, SEPC, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const HSTATUS: usize = 8;
const SPV: u64 = 1 << 7;

const FIRMWARE: u64 = 0x8000_0000;
/// Where a guest may see it as well.
const SECOND_VIEW: u64 = 0x1_0000_0000;

const BREAKPOINT: u64 = 3;
const EBREAK: u32 = 0x10_0073;

pub static VERSION: LazyLock<Version> =
    LazyLock::new(|| cpu::ask(&["--version"]).parse().expect("QEMU says which version it is"));

/// Whether page tables differ only in entries that the table knows, or that hlvx has not marked: QEMU's from 10 on does not go by
/// the guest's SUM, and fails at a page of the guest's user.
pub fn explains_page_tables(here: &[u8], there: &[u8]) -> bool {
    const ACCESSED: u64 = 0x40;
    const EXECUTED_BY_USER: u64 = 0x19;
    let entries = |bytes: &[u8]| -> Vec<u64> {
        bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    };
    let [here, there] = [here, there].map(entries);
    let outcome = |entry| Outcome { entry: Some(entry), ..Outcome::default() };
    here.iter().zip(&there).all(|(here, there)| {
        let unmarked = here ^ there == ACCESSED && here & EXECUTED_BY_USER == EXECUTED_BY_USER;
        here == there
            || explained(&Case { instruction: 0, machine: outcome(*there), manual: outcome(*here) })
            || *VERSION >= Version::new(10, 0) && unmarked
    })
}

/// Whether the table knows it, which is counted.
fn explained(case: &Case) -> bool {
    static QUIRKS: LazyLock<Vec<Quirk>> = LazyLock::new(|| known::of(*VERSION));
    known::explanation(&QUIRKS, case).inspect(|quirk| count(quirk.what)).is_some()
}

/// What QEMU left, without what it is known to leave of a guest otherwise than the manual says.
fn without_known_of_guests(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> Vec<u64> {
    const HTVAL: usize = 9;
    const HTINST: usize = 10;
    const VSSTATUS: usize = 11;
    const VSCAUSE: usize = 12;
    const VSTVAL: usize = 14;
    const PAGE: u64 = 0x1000;
    const GVA: u64 = 1 << 6;
    const FS: u64 = 3 << 13;
    const SD: u64 = 1 << 63;
    const VIRTUAL_INSTRUCTION: u64 = 22;
    let old = *VERSION < Version::new(10, 0);
    let mut there = there.to_vec();
    // "Virtual Supervisor Status Register": SD tells of FS here too.
    if there[VSSTATUS] & FS == FS {
        there[VSSTATUS] |= SD;
    }
    // "Hypervisor Trap Instruction Register": 0 is right for any trap, but for one of the hart's own accesses to the guest's table.
    if there[HTINST] == 0 && !matches!(here[HTINST], 0x3000 | 0x3020) {
        there[HTINST] = here[HTINST];
    }
    // What the firmware passes on has the instruction of another trap: the hart does not write mtinst for each.
    if matches!(there[SCAUSE], 1 | 2 | 4..=7) {
        there[HTINST] = here[HTINST];
    }
    // "Hypervisor Virtual-Machine Load and Store Instructions": hlvx goes by SUM as any load does, and what fails may come after that.
    const SUM: u64 = 1 << 18;
    if is_hlvx(slot) && there[SCAUSE] == 12 && here[VSSTATUS] & SUM != 0 {
        let on_second_page =
            here[STVAL].is_multiple_of(PAGE) && (1..8).contains(&here[STVAL].wrapping_sub(there[STVAL]));
        if matches!(here[SCAUSE], BREAKPOINT | 5 | 21) || here[SCAUSE] == 13 && on_second_page {
            return here.to_vec();
        }
    }
    // And it fails as a load does.
    if is_hlvx(slot) && matches!((here[SCAUSE], there[SCAUSE]), (13, 12) | (5, 1) | (21, 20)) {
        (there[SCAUSE], there[HTINST]) = (here[SCAUSE], here[HTINST]);
    }
    // "Two-Stage Address Translation": 7.2 tells of the guest's pages as of a hart without translation, if its hypervisor has none.
    let as_guest = instruction(slot, 0).is_some_and(|bits| bits & 0x707f == 0x4073);
    if old && as_guest && here[SCAUSE] == 2 {
        there[STVAL] = here[STVAL];
    }
    if old && as_guest && matches!((here[SCAUSE], there[SCAUSE]), (13, 5) | (15, 7)) {
        (there[SCAUSE], there[HTINST]) = (here[SCAUSE], here[HTINST]);
        there[HSTATUS] |= GVA;
    }
    // "Hypervisor Status Register": GVA is set where stval holds a guest's address. What the firmware passes on lacks it.
    if matches!(there[SCAUSE], 1 | 4..=7) && here[HSTATUS] & GVA != 0 {
        there[HSTATUS] |= GVA;
    }
    // "Physical Memory Protection": an access fault, where the address was translated.
    let guest_physical = there[HTVAL] << 2;
    let protected = (FIRMWARE..TEXT).contains(&guest_physical) || guest_physical >> 20 == SECOND_VIEW >> 20;
    let by_page = matches!((here[SCAUSE], there[SCAUSE]), (1, 12) | (5, 13) | (7, 13 | 15));
    if old && (by_page || protected && matches!((here[SCAUSE], there[SCAUSE]), (1, 20) | (5, 21) | (7, 21 | 23))) {
        [SCAUSE, HTVAL].iter().for_each(|field| there[*field] = here[*field]);
    }
    // As the table has it of other stores: QEMU begins an AMO with a load.
    if slot[0] & 0x7f == 0x2f && (here[SCAUSE], there[SCAUSE]) == (23, 21) {
        there[SCAUSE] = 23;
    }
    // "Load-Reserved/Store-Conditional Instructions": an sc without a reservation may fail as a store would.
    let told_guest = here[VSCAUSE] == 0 && matches!(there[VSCAUSE], 5 | 7 | 13 | 15);
    let refused = matches!(there[SCAUSE], 5 | 7 | 13 | 15 | 21 | 23);
    let misaligned = here[VSCAUSE] == 6 && there[VSCAUSE] == 0;
    if is_sc(slot) && here[SCAUSE] == BREAKPOINT && (told_guest || refused || misaligned) {
        return here.to_vec();
    }
    // "Virtual-Instruction Exceptions": of a guest's user, what a guest's supervisor might do.
    if old && here[SCAUSE] == VIRTUAL_INSTRUCTION && there[SCAUSE] == 2 {
        there[SCAUSE] = VIRTUAL_INSTRUCTION;
    }
    // "Supervisor Trap Value Register": the instruction's bits, or 0. QEMU 7.2 leaves those of another one.
    if here[SCAUSE] == VIRTUAL_INSTRUCTION && (old || there[STVAL] == 0) {
        there[STVAL] = here[STVAL];
    }
    // The faults of the table, where the guest is told of them.
    if slot[0] & 0x7f == 0x2f && matches!((here[VSCAUSE], there[VSCAUSE]), (6, 4) | (7, 5) | (15, 13)) {
        there[VSCAUSE] = here[VSCAUSE];
    }
    // What follows is in the table; of the second page, or the firmware's, a guest's page is refused first.
    let (told, asked) = (there[VSTVAL], here[VSTVAL]);
    if told.is_multiple_of(PAGE)
        && told > asked
        && told - asked < 8
        && matches!((here[VSCAUSE], there[VSCAUSE]), (5, 5 | 13) | (7, 7 | 15) | (13, 13) | (15, 15))
    {
        (there[VSCAUSE], there[VSTVAL]) = (here[VSCAUSE], asked);
    }
    let crosses = there[STVAL].is_multiple_of(PAGE) && there[STVAL].wrapping_sub(here[STVAL]) < 8;
    let refused_first = matches!((here[SCAUSE], there[SCAUSE]), (1, 20) | (5, 21) | (7, 23) | (7, 21));
    if crosses
        && (here[SCAUSE] == there[SCAUSE]
            || matches!((here[SCAUSE], there[SCAUSE]), (5, 13) | (7, 15))
            || refused_first)
    {
        let kept = [SCAUSE, STVAL, HTVAL, HTINST];
        kept.iter().for_each(|field| there[*field] = here[*field]);
    }
    there
}

fn is_hlvx(slot: &[u8; SLOT_SIZE]) -> bool {
    instruction(slot, 0).is_some_and(|bits| bits & 0x707f == 0x4073 && bits >> 20 & 0x1f == 3)
}

fn is_sc(slot: &[u8; SLOT_SIZE]) -> bool {
    [0, 4, 8].iter().any(|place| instruction(slot, *place).is_some_and(|bits| bits & 0x7f == 0x2f && bits >> 27 == 3))
}

/// Whether all that differs is explained.
pub fn is_error_of_qemu(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> bool {
    // OpenSBI 1.6 enters the handler of what it passes on with V still set: the handler's own first store fails.
    let in_handler = (TEXT..SLOTS).contains(&there[SEPC]) && there[HSTATUS] & SPV != 0;
    if in_handler && *VERSION >= Version::new(10, 0) && matches!(here[SCAUSE], 1 | 2 | 4..=7) {
        return true;
    }
    let there = &*without_known_of_guests(slot, here, there);
    if here == there {
        return true;
    }
    let mut there = there.to_vec();
    if here[SEPC] != there[SEPC] && explained(&only_sepc_differs(here, &there)) {
        // What else differs is judged by itself.
        there[SEPC] = here[SEPC];
        if here == there {
            return true;
        }
    }
    let there = &*there;
    let same = |fields: &[usize]| fields.iter().all(|field| here[*field] == there[*field]);
    let (mut here, both_end) = (here.to_vec(), here[SCAUSE] == BREAKPOINT && there[SCAUSE] == BREAKPOINT);
    if both_end && here[STVAL] != there[STVAL] {
        // Slots end in breakpoints: what those leave in stval is a difference of its own.
        let [machine, manual] = [there, &here].map(|record| outcome(record, record[SEPC]));
        if !explained(&Case { instruction: EBREAK, machine: Outcome { sstatus: manual.sstatus, ..machine }, manual }) {
            return false;
        }
        here[STVAL] = there[STVAL];
        if here == there {
            return true;
        }
    }
    let at = here[SEPC].min(there[SEPC]);
    let place = if both_end { 0 } else { (at.wrapping_sub(SLOTS) % SLOT_SIZE as u64) as usize };
    let Some(instruction) = instruction(slot, place) else { return false };
    let case = Case { instruction, machine: outcome(there, at), manual: outcome(&here, at) };
    let both_executed = case.machine.trap.is_some() == case.manual.trap.is_some();
    (!both_executed || same(&OTHERS)) && explained(&case)
}

/// How many differences each fault of the table has explained.
static EXPLAINED: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());

fn count(what: &'static str) {
    *EXPLAINED.lock().expect("no test panics here").entry(what).or_default() += 1;
}

/// The faults of QEMU's that this run has met, each in a line: what says of a version whether it still has one.
pub fn summary() -> String {
    let explained = EXPLAINED.lock().expect("no test panics here");
    explained.iter().map(|(what, count)| format!("  {count} times: {what}\n")).collect()
}

/// An instruction that trapped, as if nothing but sepc were different.
fn only_sepc_differs(here: &[u64], there: &[u64]) -> Case {
    let manual = outcome(here, here[SEPC]);
    let trap = manual.trap.map(|trap| TrapValues { pc: there[SEPC], ..trap });
    Case { instruction: 0, machine: Outcome { trap, ..manual }, manual }
}

/// What the instruction at `at` did, by the record of its slot.
fn outcome(record: &[u64], at: u64) -> Outcome {
    let trap = TrapValues { cause: record[SCAUSE], pc: record[SEPC], value: record[STVAL] };
    Outcome { trap: (record[SEPC] == at).then_some(trap), sstatus: record[SSTATUS], ..Outcome::default() }
}

fn instruction(slot: &[u8; SLOT_SIZE], place: usize) -> Option<u32> {
    let low = u16::from_le_bytes(*slot.get(place..)?.first_chunk()?);
    if low & 3 != 3 {
        return Some(low.into());
    }
    Some(u32::from_le_bytes(*slot.get(place..)?.first_chunk()?))
}
