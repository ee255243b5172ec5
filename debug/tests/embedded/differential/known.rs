//! Whether what differs in a slot is a fault of QEMU's that the table of those knows. Nothing else is forgiven.

use std::sync::LazyLock;

use debug::machine::Quirk;
use debug::machine::quirk::{Case, Outcome, TrapValues};
use debug::remote::qemu::{Version, known};

use super::cpu;
use super::program::{SLOT_SIZE, SLOTS};

/// The fields of a record, by their place in it.
const SCAUSE: usize = 1;
const SEPC: usize = 2;
const STVAL: usize = 3;
const SSTATUS: usize = 4;
/// Those that a case does not tell of: they are the same, where both or neither executed the instruction.
const OTHERS: [usize; 5] = [0, SEPC, 5, 6, 7];

const BREAKPOINT: u64 = 3;
const EBREAK: u32 = 0x10_0073;

static VERSION: LazyLock<Version> =
    LazyLock::new(|| cpu::ask(&["--version"]).parse().expect("QEMU says which version it is"));

/// Whether page tables differ in A and D bits alone that QEMU has set, as 10 does for a page whose access then fails: it translates
/// both pages of an access, and that of a failing sc, before it is made (privileged manual, "Virtual Memory System": A may be set
/// by speculation, D for an access that is not made only by an sc that fails). 7.2 does for an entry of Svnapot's whose size is
/// reserved: it looks at that last.
pub fn sets_bits_early(here: &[u8], there: &[u8]) -> bool {
    const ACCESSED_AND_DIRTY: u64 = 0xc0;
    const NAPOT: u64 = 1 << 63;
    let entries = |bytes: &[u8]| -> Vec<u64> {
        bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    };
    let by_all = *VERSION >= Version::new(10, 0);
    let explained = |(here, there): (&u64, &u64)| {
        here == there || here | (there & ACCESSED_AND_DIRTY) == *there && (by_all || here & NAPOT != 0)
    };
    entries(here).iter().zip(&entries(there)).all(explained)
}

/// Whether all that differs is explained.
pub fn is_error_of_qemu(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> bool {
    static QUIRKS: LazyLock<Vec<Quirk>> = LazyLock::new(|| known::of(*VERSION));
    let explained = |case: &Case| known::explanation(&QUIRKS, case).is_some();
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

/// An instruction that trapped, as if nothing but sepc were different.
fn only_sepc_differs(here: &[u64], there: &[u64]) -> Case {
    let manual = outcome(here, here[SEPC]);
    let trap = manual.trap.map(|trap| TrapValues { pc: there[SEPC], ..trap });
    Case { instruction: 0, machine: Outcome { trap, ..manual }, manual }
}

/// What the instruction at `at` did, by the record of its slot.
fn outcome(record: &[u64], at: u64) -> Outcome {
    let trap = TrapValues { cause: record[SCAUSE], pc: record[SEPC], value: record[STVAL] };
    Outcome { trap: (record[SEPC] == at).then_some(trap), sstatus: record[SSTATUS], csr: None }
}

fn instruction(slot: &[u8; SLOT_SIZE], place: usize) -> Option<u32> {
    let low = u16::from_le_bytes(*slot.get(place..)?.first_chunk()?);
    if low & 3 != 3 {
        return Some(low.into());
    }
    Some(u32::from_le_bytes(*slot.get(place..)?.first_chunk()?))
}
