//! Those of traps that a hypervisor's guest causes, or a hypervisor that loads and stores in its place. One trap may meet several, so each
//! explains its part.

use super::explain::traps;
use super::{AFTER_OLD, All, Case, Known, OLD, Quirk, TEN, is_sc};
use crate::machine::quirk::Explains::Part;
use crate::machine::quirk::{Outcome, TrapValues};
use crate::riscv::cause::{
    ILLEGAL_INSTRUCTION, INSTRUCTION_ACCESS, INSTRUCTION_GUEST_PAGE, INSTRUCTION_PAGE, LOAD_ACCESS, LOAD_GUEST_PAGE,
    LOAD_MISALIGNED, LOAD_PAGE, STORE_ACCESS, STORE_GUEST_PAGE, STORE_MISALIGNED, STORE_PAGE, VIRTUAL_INSTRUCTION,
};
use crate::riscv::page_table::{self, PAGE};
use crate::riscv::status::hstatus::{GVA, SPV};
use crate::riscv::status::sstatus::{FS, SD, SUM};

pub(super) const TABLE: &[Known] = &[
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "vsstatus.SD is clear where vsstatus.FS is dirty",
            source: "privileged manual, \"Virtual Supervisor Status (vsstatus) Register\": SD tells of FS there as well",
            explains: Part(leaves_guest_clean),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "htinst is 0 after a trap",
            source: "privileged manual, \"Hypervisor Trap Instruction (htinst) Register\": it may be, but for the hart's own accesses \
                     to the guest's page table",
            explains: Part(tells_no_instruction),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "what the firmware passes on to a hypervisor has the htinst of an earlier trap, and no GVA",
            source: "privileged manual, \"Hypervisor Status (hstatus) Register\" and \"Hypervisor Trap Instruction (htinst) \
                     Register\": both are of the trap that is taken",
            explains: Part(passed_on),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "hlvx does not go by the guest's SUM, and is refused before its access is",
            source: "privileged manual, \"Hypervisor Virtual-Machine Load and Store Instructions\": execute takes the place of read \
                     permission, and nothing else differs from hlv",
            explains: Part(refuses_hlvx),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "hlvx that fails does so as a fetch",
            source: "privileged manual, \"Hypervisor Virtual-Machine Load and Store Instructions\": the exceptions are those of loads",
            explains: Part(calls_hlvx_a_fetch),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "stval of an illegal hlv or hsv is another instruction's",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the instruction's bits, or 0",
            explains: Part(tells_other_instruction),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "what PMP protects from a guest is a page fault, or a guest-page fault",
            source: "privileged manual, \"Physical Memory Protection\": an access fault",
            explains: Part(calls_protected_a_page),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "AMOs of a guest that fail do so as the load that QEMU begins them with",
            source: "privileged manual, \"Machine Cause (mcause) Register\": store, store-conditional and AMO instructions \
                     generate store/AMO exceptions",
            explains: Part(calls_guests_atomic_a_load),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "a guest's sc without a reservation fails as a store would there, or a misaligned one quietly",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": it may, or just fail; an exception, if the \
                     address is not aligned",
            explains: Part(guests_sc),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "what a guest's user may not do is illegal, where the hypervisor's would be allowed",
            source: "privileged manual, \"Virtual-Instruction Exceptions\": a virtual-instruction exception",
            explains: Part(calls_virtual_illegal),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "stval of a virtual-instruction exception is 0, or another instruction's",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the instruction's bits, or 0",
            explains: Part(tells_no_virtual_instruction),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "stval or vstval of a guest's access to two pages that is refused is the second page's address",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: Part(tells_guests_second_page),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "hlvx leaves A clear in the entry of a guest's user, where it fails later or does not go by SUM",
            source: "privileged manual, \"Hypervisor Virtual-Machine Load and Store Instructions\": as a load, which sets A",
            explains: All(leaves_unmarked),
        },
    },
];

/// The causes that the firmware gets, and passes on.
fn is_passed_on(cause: u64) -> bool {
    matches!(cause, INSTRUCTION_ACCESS | ILLEGAL_INSTRUCTION | LOAD_MISALIGNED..=STORE_ACCESS)
}

/// hlv, hlvx and hsv.
fn is_as_guest(case: &Case) -> bool {
    case.instruction & 0x707f == 0x4073
}

fn is_hlvx(case: &Case) -> bool {
    is_as_guest(case) && case.instruction >> 20 & 0x1f == 3
}

/// An exception that came from a guest, or is about its address.
fn is_guests(case: &Case) -> bool {
    case.manual.guest.hstatus & (SPV | GVA) != 0
}

/// A guest executed the instruction, on the machine at least.
fn is_of_guest(case: &Case) -> bool {
    case.machine.guest.hstatus & SPV != 0 || case.machine.guest.told.or(case.manual.guest.told).is_some()
}

/// The machine's outcome after a trap, with another cause; htinst goes by that, too.
fn with_cause(case: &Case, fits: impl Fn(u64, u64) -> bool) -> Outcome {
    let mut outcome = case.machine;
    if let Some((machine, manual)) = traps(case)
        && fits(manual.cause, machine.cause)
    {
        outcome.trap = Some(TrapValues { cause: manual.cause, ..machine });
        outcome.guest.htinst = case.manual.guest.htinst;
    }
    outcome
}

fn leaves_guest_clean(case: &Case) -> Outcome {
    let mut outcome = case.machine;
    if outcome.guest.vsstatus & FS == FS {
        outcome.guest.vsstatus |= SD;
    }
    outcome
}

fn tells_no_instruction(case: &Case) -> Outcome {
    /// Its own access to the guest's table, to read or to write an entry.
    const OWN: [u64; 2] = [0x3000, 0x3020];
    let mut outcome = case.machine;
    let wanted = case.manual.guest.htinst;
    if outcome.trap.is_some() && outcome.guest.htinst == 0 && !OWN.contains(&wanted) {
        outcome.guest.htinst = wanted;
    }
    outcome
}

fn passed_on(case: &Case) -> Outcome {
    let mut outcome = case.machine;
    if outcome.trap.is_some_and(|trap| is_passed_on(trap.cause)) {
        outcome.guest.htinst = case.manual.guest.htinst;
        outcome.guest.hstatus |= case.manual.guest.hstatus & GVA;
    }
    outcome
}

fn refuses_hlvx(case: &Case) -> Outcome {
    let refused = case.machine.trap.filter(|trap| trap.cause == INSTRUCTION_PAGE);
    let Some(refused) = refused.filter(|_| is_hlvx(case) && case.manual.guest.vsstatus & SUM != 0) else {
        return case.machine;
    };
    let comes_later = case.manual.trap.is_none_or(|trap| {
        let on_second_page =
            trap.value.is_multiple_of(PAGE) && (1..8).contains(&trap.value.wrapping_sub(refused.value));
        matches!(trap.cause, LOAD_ACCESS | LOAD_GUEST_PAGE) || trap.cause == LOAD_PAGE && on_second_page
    });
    if comes_later { case.manual } else { case.machine }
}

fn calls_hlvx_a_fetch(case: &Case) -> Outcome {
    let is_fetch = |manual, machine| {
        let of_fetch = (INSTRUCTION_ACCESS, INSTRUCTION_PAGE, INSTRUCTION_GUEST_PAGE);
        (manual, machine) == (LOAD_ACCESS, of_fetch.0)
            || (manual, machine) == (LOAD_PAGE, of_fetch.1)
            || (manual, machine) == (LOAD_GUEST_PAGE, of_fetch.2)
    };
    with_cause(case, |manual, machine| is_hlvx(case) && is_fetch(manual, machine))
}

fn tells_other_instruction(case: &Case) -> Outcome {
    let mut outcome = case.machine;
    if let Some((machine, manual)) = traps(case)
        && is_as_guest(case)
        && (machine.cause, manual.cause) == (ILLEGAL_INSTRUCTION, ILLEGAL_INSTRUCTION)
    {
        outcome.trap = Some(manual);
    }
    outcome
}

fn calls_protected_a_page(case: &Case) -> Outcome {
    let mut outcome = case.machine;
    if let Some((machine, manual)) = traps(case)
        && is_guests(case)
        && matches!(
            (manual.cause, machine.cause),
            (INSTRUCTION_ACCESS, INSTRUCTION_PAGE | INSTRUCTION_GUEST_PAGE)
                | (LOAD_ACCESS, LOAD_PAGE | LOAD_GUEST_PAGE)
                | (STORE_ACCESS, LOAD_PAGE | STORE_PAGE | LOAD_GUEST_PAGE | STORE_GUEST_PAGE)
        )
    {
        outcome.trap = Some(TrapValues { cause: manual.cause, ..machine });
        (outcome.guest.htval, outcome.guest.htinst) = (case.manual.guest.htval, case.manual.guest.htinst);
    }
    outcome
}

fn calls_guests_atomic_a_load(case: &Case) -> Outcome {
    const AMO: u32 = 0x2f;
    let is_load = |manual, machine| {
        matches!(
            (manual, machine),
            (STORE_MISALIGNED, LOAD_MISALIGNED) | (STORE_ACCESS, LOAD_ACCESS) | (STORE_PAGE, LOAD_PAGE)
        )
    };
    let mut outcome = case.machine;
    if case.opcode() != AMO {
        return outcome;
    }
    if let Some((machine, manual)) = traps(case)
        && (manual.cause, machine.cause) == (STORE_GUEST_PAGE, LOAD_GUEST_PAGE)
    {
        outcome.trap = Some(TrapValues { cause: manual.cause, ..machine });
    }
    if let (Some(machine), Some(manual)) = (case.machine.guest.told, case.manual.guest.told)
        && is_load(manual.cause, machine.cause)
    {
        outcome.guest.told = Some(TrapValues { cause: manual.cause, ..machine });
    }
    outcome
}

fn guests_sc(case: &Case) -> Outcome {
    const REFUSED: [u64; 6] = [LOAD_ACCESS, STORE_ACCESS, LOAD_PAGE, STORE_PAGE, LOAD_GUEST_PAGE, STORE_GUEST_PAGE];
    let is_refused = |trap: Option<TrapValues>| trap.is_some_and(|trap| REFUSED.contains(&trap.cause));
    let (machine, manual) = (case.machine, case.manual);
    let fails = manual.guest.told.is_none() && (is_refused(machine.trap) || is_refused(machine.guest.told));
    let misaligned = manual.guest.told.is_some_and(|told| told.cause == STORE_MISALIGNED);
    let is_known = manual.trap.is_none() && (fails || misaligned && machine.guest.told.is_none());
    if is_sc(case) && is_of_guest(case) && is_known { manual } else { machine }
}

fn calls_virtual_illegal(case: &Case) -> Outcome {
    with_cause(case, |manual, machine| (manual, machine) == (VIRTUAL_INSTRUCTION, ILLEGAL_INSTRUCTION))
}

fn tells_no_virtual_instruction(case: &Case) -> Outcome {
    let mut outcome = case.machine;
    if let Some((machine, manual)) = traps(case)
        && (machine.cause, manual.cause) == (VIRTUAL_INSTRUCTION, VIRTUAL_INSTRUCTION)
    {
        outcome.trap = Some(manual);
    }
    outcome
}

/// The second one is looked at first: what fails there hides what fails on the first.
fn tells_guests_second_page(case: &Case) -> Outcome {
    let crosses = |machine: TrapValues, manual: TrapValues| {
        machine.value.is_multiple_of(PAGE) && (1..8).contains(&machine.value.wrapping_sub(manual.value))
    };
    let mut outcome = case.machine;
    if let (Some(machine), Some(manual)) = (case.machine.guest.told, case.manual.guest.told)
        && crosses(machine, manual)
        && matches!(
            (manual.cause, machine.cause),
            (LOAD_ACCESS, LOAD_ACCESS | LOAD_PAGE)
                | (STORE_ACCESS, STORE_ACCESS | STORE_PAGE)
                | (LOAD_PAGE, LOAD_PAGE)
                | (STORE_PAGE, STORE_PAGE)
        )
    {
        outcome.guest.told = Some(TrapValues { cause: manual.cause, value: manual.value, ..machine });
    }
    if let Some((machine, manual)) = traps(case)
        && is_guests(case)
        && crosses(machine, manual)
        && (machine.cause == manual.cause
            || matches!(
                (manual.cause, machine.cause),
                (INSTRUCTION_ACCESS, INSTRUCTION_GUEST_PAGE)
                    | (LOAD_ACCESS, LOAD_PAGE | LOAD_GUEST_PAGE)
                    | (STORE_ACCESS, STORE_PAGE | LOAD_GUEST_PAGE | STORE_GUEST_PAGE)
            ))
    {
        outcome.trap = Some(manual);
        (outcome.guest.htval, outcome.guest.htinst) = (case.manual.guest.htval, case.manual.guest.htinst);
    }
    outcome
}

fn leaves_unmarked(case: &Case) -> bool {
    const EXECUTED_BY_USER: u64 = page_table::VALID | page_table::EXECUTE | page_table::USER;
    let Some((machine, manual)) = case.machine.entry.zip(case.manual.entry) else { return false };
    machine ^ manual == page_table::ACCESSED && manual & EXECUTED_BY_USER == EXECUTED_BY_USER
}
