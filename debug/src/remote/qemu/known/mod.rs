//! Known differences between QEMU and the manual, with the versions that have them. Every other difference is a failure.
//!
//! `until` is the first tested version that does it right. 7.2, 10.0 and 11.1 were tested, by a kernel that meets each of them
//! (debug/tests/lockstep.rs); versions in between are assumed to have the fault. The differential tests and lockstep use this table.

mod guest;

use super::Version;
use crate::machine::Quirk;
use crate::machine::quirk::{Case, Outcome, TrapValues, is_store_conditional};
use crate::riscv::cause::{
    BREAKPOINT, ILLEGAL_INSTRUCTION, INSTRUCTION_PAGE, LOAD_ACCESS, LOAD_MISALIGNED, LOAD_PAGE, STORE_ACCESS,
    STORE_MISALIGNED, STORE_PAGE,
};
use crate::riscv::page_table::{self, PAGE};
use crate::riscv::status::sstatus::{self, FS};
use crate::riscv::{board, csr};

struct Known {
    from: Version,
    /// The first version without it.
    until: Option<Version>,
    quirk: Quirk,
}

const OLD: Version = Version::new(7, 2);
const TEN: Version = Version::new(10, 0);
/// For what 10.0 does not have, and 11.1 has.
const AFTER_TEN: Version = Version::new(10, 1);
const ELEVEN: Version = Version::new(11, 1);

/// sstatus.FS, and SD which follows it.
const FLOAT_STATUS: u64 = FS | sstatus::SD;

const SYSTEM: u32 = 0x73;
const AMO: u32 = 0x2f;
const FLOAT: u32 = 0x53;

const TABLE: &[Known] = &[
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "AMOs and sc that fail do so as the load that QEMU begins them with",
            source: "privileged manual, \"Machine Cause (mcause) Register\": store, store-conditional and AMO instructions \
                     generate store/AMO exceptions",
            explains: calls_atomic_a_load,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "stval of a misaligned load that fails is the first address of the aligned loads that QEMU takes it apart into",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: rounds_address,
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sstatus.FS stays clean although fcsr was written",
            source: "privileged manual, \"Extension Context Status in mstatus Register\"; unprivileged manual, \"CSR \
                     Instructions\": csrrs and csrrc with a register other than x0 write",
            explains: leaves_float_clean,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "a misaligned sc without a reservation fails quietly",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": an exception, if the address is \
                     not aligned",
            explains: misaligned_sc,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "S-mode executes from a page of U-mode that a load through SUM has put into QEMU's TLB",
            source: "privileged manual, \"Supervisor Memory Privilege in sstatus Register\": never, whatever SUM is",
            explains: executes_user_page,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "ebreak leaves its address in stval",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": that or 0, as the hart likes",
            explains: ebreak_tells_address,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "an sc without a reservation fails as a store would there",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": it may, or just fail",
            explains: sc_faults_without_reservation,
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sc.w after lr.d stores, and returns 1",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": 0 if it stored; another size than \
                     that of lr may fail, and then stores nothing",
            explains: calls_stored_failed,
        },
    },
    Known {
        from: AFTER_TEN,
        until: None,
        quirk: Quirk {
            what: "sstatus.FS becomes dirty where a comparison or a conversion only met a subnormal number",
            source: "privileged manual, \"Extension Context Status in mstatus Register\": dirty may be set although nothing \
                     has changed",
            explains: marks_float_early,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "stval of a misaligned access to two pages, neither of which may be accessed, is the second page's address",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: tells_second_page,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "stval of a cache-block instruction that fails is the first address of the block",
            source: "unprivileged manual, \"Cache-Block Management Instructions\": the faulting address is the value of rs1",
            explains: rounds_to_block,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "sepc of an instruction on two pages that traps has the second page's number",
            source: "privileged manual, \"Supervisor Exception Program Counter (sepc) Register\": the address of the instruction",
            explains: takes_next_page,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "senvcfg.CBIE holds 2",
            source: "unprivileged manual, \"Cache-Block Management Instructions\": a reserved value of a WARL field",
            explains: holds_reserved_invalidation,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "A and D of a page are set although the access fails then, or is an sc that stores nothing",
            source: "privileged manual, \"Virtual Memory System\": A may be set by speculation; D only for a store that is made",
            explains: sets_bits_early,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "A and D are set in the entry of a page of Svnapot whose size is reserved",
            source: "unprivileged manual, \"Svnapot\": such an entry raises a page fault",
            explains: sets_bits_of_reserved_size,
        },
    },
    Known {
        from: OLD,
        until: Some(ELEVEN),
        quirk: Quirk {
            what: "sepc holds bit 0",
            source: "privileged manual, \"Supervisor Exception Program Counter (sepc) Register\": the low bit is always zero",
            explains: holds_odd_sepc,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "scounteren and hcounteren have 64 bits",
            source: "privileged manual, \"Counter-Enable (scounteren) Register\" and \"Hypervisor Counter-Enable (hcounteren) \
                     Register\": 32 bits",
            explains: holds_wide_counters,
        },
    },
    Known {
        from: TEN,
        until: None,
        quirk: Quirk {
            what: "scounteren and hcounteren hold only the bits of counters that there are",
            source: "privileged manual, \"Counter-Enable (scounteren) Register\" and \"Hypervisor Counter-Enable (hcounteren) \
                     Register\": any of them may be read-only zero",
            explains: holds_narrow_counters,
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sstatus.UXL holds other values than 2",
            source: "privileged manual, \"Base ISA Control in mstatus Register\": a WARL field; a hart need not have RV32 in U-mode",
            explains: holds_other_width,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "csrrs and csrrc with a register that holds 0 do not write",
            source: "unprivileged manual, \"CSR Instructions\": only those with x0 do not; a write to a read-only CSR is illegal",
            explains: zero_is_no_write,
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "senvcfg and sstatus hold bits of extensions that QEMU's hart has, or only knows",
            source: "privileged manual, \"Supervisor Environment Configuration (senvcfg) Register\" and \"Supervisor Status \
                     (sstatus) Register\": zero without the extension",
            explains: holds_other_extensions,
        },
    },
];

/// The quirks of a version.
pub fn of(version: Version) -> Vec<Quirk> {
    let has = |known: &&Known| known.from <= version && known.until.is_none_or(|until| version < until);
    TABLE.iter().chain(guest::TABLE).filter(has).map(|known| known.quirk).collect()
}

/// One of them, that explains all that differs.
pub fn explanation(quirks: &[Quirk], case: &Case) -> Option<Quirk> {
    quirks.iter().find(|quirk| (quirk.explains)(case)).copied()
}

/// Both trapped, at the same instruction.
fn traps(case: &Case) -> Option<(TrapValues, TrapValues)> {
    case.machine.trap.zip(case.manual.trap).filter(|(machine, manual)| machine.pc == manual.pc)
}

fn same_but_for_trap(case: &Case) -> bool {
    Outcome { trap: None, ..case.machine } == Outcome { trap: None, ..case.manual }
}

fn is_sc(case: &Case) -> bool {
    is_store_conditional(case.instruction)
}

/// With one hart QEMU executes them as a load and a store, and the load is what fails; for some of them it also tells the address
/// of a load that it took apart.
fn calls_atomic_a_load(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let value_fits = machine.value == manual.value || is_rounded(machine.value, manual.value);
    let cause_fits = matches!(
        (manual.cause, machine.cause),
        (STORE_MISALIGNED, LOAD_MISALIGNED) | (STORE_ACCESS, LOAD_ACCESS) | (STORE_PAGE, LOAD_PAGE)
    );
    case.opcode() == AMO && cause_fits && value_fits && same_but_for_trap(case)
}

fn rounds_address(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let both = machine.cause == LOAD_ACCESS && manual.cause == LOAD_ACCESS;
    both && is_rounded(machine.value, manual.value) && same_but_for_trap(case)
}

fn is_rounded(machine: u64, manual: u64) -> bool {
    machine < manual && [2, 4, 8].iter().any(|size| manual / size * size == machine)
}

/// For comparisons and conversions to integers, which write fcsr but no f register; and for csrrs and csrrc with a register
/// that holds 0, which write all the same.
fn leaves_float_clean(case: &Case) -> bool {
    let instruction = case.instruction;
    let to_integer = case.opcode() == FLOAT && matches!(instruction >> 27, 0x14 | 0x18);
    let to_fcsr = case.csr().is_some_and(|csr| csr::FLOAT.contains(&csr)) && instruction >> 12 & 2 != 0;
    let (here, there) = (case.manual.sstatus, case.machine.sstatus);
    (to_integer || to_fcsr)
        && case.machine.trap == case.manual.trap
        && here & !FLOAT_STATUS == there & !FLOAT_STATUS
        && here & FS == FS
        && there & FS != 0
}

/// QEMU compares the address with the reservation first, and goes on where they differ.
fn misaligned_sc(case: &Case) -> bool {
    let goes_on = case.machine.trap.is_none_or(|trap| trap.cause == LOAD_MISALIGNED);
    is_sc(case) && case.manual.trap.is_some_and(|trap| trap.cause == STORE_MISALIGNED) && goes_on
}

fn sc_faults_without_reservation(case: &Case) -> bool {
    let fails = case.machine.trap.is_some_and(|trap| matches!(trap.cause, STORE_ACCESS | STORE_PAGE));
    is_sc(case) && case.manual.trap.is_none() && fails
}

/// It stores where the low half of what `lr.d` loaded is still there, and then compares all of it with the word. That they store
/// the same is seen in memory.
fn calls_stored_failed(case: &Case) -> bool {
    let is_word = case.instruction >> 12 & 7 == 2;
    let returned = case.machine.result == Some(1) && case.manual.result == Some(0);
    is_sc(case) && is_word && returned && Outcome { result: Some(0), ..case.machine } == case.manual
}

fn marks_float_early(case: &Case) -> bool {
    let (here, there) = (case.manual.sstatus, case.machine.sstatus);
    let rest = here & !FLOAT_STATUS == there & !FLOAT_STATUS && case.machine.trap == case.manual.trap;
    case.opcode() == FLOAT && rest && here & FS != 0 && here & FS != FS && there & FS == FS
}

/// Only sepc differs: the offset in the page is that of the first half.
fn takes_next_page(case: &Case) -> bool {
    let Some((machine, manual)) = case.machine.trap.zip(case.manual.trap) else { return false };
    let on_two_pages = manual.pc % PAGE == PAGE - 2 && machine.pc == manual.pc + PAGE;
    on_two_pages && TrapValues { pc: manual.pc, ..machine } == manual && same_but_for_trap(case)
}

fn tells_second_page(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let crosses = machine.value % PAGE == 0 && machine.value > manual.value && machine.value - manual.value < 8;
    // The second one is translated before the first is accessed: a page fault there comes before an access fault here.
    let cause = machine.cause == manual.cause
        || matches!((manual.cause, machine.cause), (LOAD_ACCESS, LOAD_PAGE) | (STORE_ACCESS, STORE_PAGE));
    cause && crosses && same_but_for_trap(case)
}

fn rounds_to_block(case: &Case) -> bool {
    const CACHE_BLOCK: u32 = 0x200f;
    let Some((machine, manual)) = traps(case) else { return false };
    let rounded = machine.cause == manual.cause && machine.value == manual.value & !(board::CACHE_BLOCK - 1);
    case.instruction & 0x7fff == CACHE_BLOCK && rounded && same_but_for_trap(case)
}

fn executes_user_page(case: &Case) -> bool {
    const USER_ACCESS: u64 = sstatus::SPP | sstatus::SUM;
    let refused = case.manual.trap.is_some_and(|trap| trap.cause == INSTRUCTION_PAGE);
    let executed = case.machine.trap.is_none_or(|trap| trap.cause == BREAKPOINT);
    refused && executed && case.manual.sstatus & USER_ACCESS == USER_ACCESS
}

fn ebreak_tells_address(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let both = machine.cause == BREAKPOINT && manual.cause == BREAKPOINT;
    both && manual.value == 0 && same_but_for_trap(case)
}

/// It translates both pages of an access before it is made.
fn sets_bits_early(case: &Case) -> bool {
    const LEAF: u64 = page_table::READ | page_table::EXECUTE;
    let Some((machine, manual)) = case.machine.entry.zip(case.manual.entry) else { return false };
    let is_leaf = manual & page_table::VALID != 0 && manual & LEAF != 0;
    is_leaf && machine == manual | machine & (page_table::ACCESSED | page_table::DIRTY)
}

/// It looks at the size last.
fn sets_bits_of_reserved_size(case: &Case) -> bool {
    case.manual.entry.is_some_and(|entry| entry & page_table::NAPOT != 0) && sets_bits_early(case)
}

/// The values of the CSR that the instruction names, by the machine and by the manual, where it is this one.
fn held(case: &Case, number: u16) -> Option<(u64, u64)> {
    let executed = case.machine.trap.is_none() && case.manual.trap.is_none();
    if case.csr() == Some(number) && executed { case.machine.csr.zip(case.manual.csr) } else { None }
}

fn holds_odd_sepc(case: &Case) -> bool {
    const SEPC: u16 = csr::SEPC.csr_number();
    held(case, SEPC).is_some_and(|(machine, manual)| machine ^ manual == 1)
}

/// The values of scounteren or hcounteren.
fn held_counters(case: &Case) -> Option<(u64, u64)> {
    held(case, csr::SCOUNTEREN.csr_number()).or_else(|| held(case, csr::HCOUNTEREN.csr_number()))
}

fn holds_narrow_counters(case: &Case) -> bool {
    held_counters(case).is_some_and(|(machine, manual)| machine & !manual == 0)
}

fn holds_wide_counters(case: &Case) -> bool {
    held_counters(case).is_some_and(|(machine, manual)| machine as u32 == manual as u32)
}

const SENVCFG: u16 = csr::SENVCFG.csr_number();

fn holds_reserved_invalidation(case: &Case) -> bool {
    const CBIE: u64 = 3 << 4;
    held(case, SENVCFG).is_some_and(|(machine, manual)| machine & CBIE == 2 << 4 && (machine ^ manual) & !CBIE == 0)
}

fn holds_other_extensions(case: &Case) -> bool {
    const SSTATUS: u16 = csr::SSTATUS.csr_number();
    /// Those of cache blocks and pointer masking; of vectors, other extensions, landing pads and double traps.
    const SENVCFG_OTHERS: u64 = 0xf0 | 3 << 32 | 0xc;
    const SSTATUS_OTHERS: u64 = 3 << 9 | 3 << 15 | 3 << 23 | sstatus::SD;
    let only =
        |number, others: u64| held(case, number).is_some_and(|(machine, manual)| (machine ^ manual) & !others == 0);
    only(SENVCFG, SENVCFG_OTHERS) || only(SSTATUS, SSTATUS_OTHERS)
}

/// And it is there in sstatus whatever the instruction was.
fn holds_other_width(case: &Case) -> bool {
    const SSTATUS: u16 = csr::SSTATUS.csr_number();
    let names_it = case.csr() == Some(SSTATUS);
    let without = |outcome: Outcome| Outcome {
        sstatus: outcome.sstatus & !sstatus::UXL_FIELD,
        csr: outcome.csr.map(|value| if names_it { value & !sstatus::UXL_FIELD } else { value }),
        ..outcome
    };
    case.machine != case.manual && without(case.machine) == without(case.manual)
}

fn zero_is_no_write(case: &Case) -> bool {
    let reads_and_modifies = case.opcode() == SYSTEM && case.instruction >> 12 & 3 >= 2;
    let read_only = case.csr().is_some_and(csr::is_read_only);
    let refused = case.manual.trap.is_some_and(|trap| trap.cause == ILLEGAL_INSTRUCTION);
    reads_and_modifies && read_only && refused && case.machine.trap.is_none()
}

#[cfg(test)]
mod tests;
