//! What explains a difference: each compares the outcome on the machine with the manual's.

use crate::machine::quirk::{Case, Outcome, TrapValues, is_store_conditional};
use crate::riscv::cause::{
    BREAKPOINT, ILLEGAL_INSTRUCTION, INSTRUCTION_PAGE, LOAD_ACCESS, LOAD_MISALIGNED, LOAD_PAGE, STORE_ACCESS,
    STORE_MISALIGNED, STORE_PAGE,
};
use crate::riscv::page_table::{self, PAGE};
use crate::riscv::status::sstatus::{self, FS};
use crate::riscv::{Xlen, board, csr};

/// sstatus.FS, and SD which follows it, in the highest bit of either width.
const FLOAT_STATUS: u64 = FS | sstatus::SD | Xlen::Rv32.top_bit();

const SYSTEM: u32 = 0x73;
const AMO: u32 = 0x2f;
const FLOAT: u32 = 0x53;

/// Both trapped, at the same instruction.
pub(super) fn traps(case: &Case) -> Option<(TrapValues, TrapValues)> {
    case.machine.trap.zip(case.manual.trap).filter(|(machine, manual)| machine.pc == manual.pc)
}

pub(super) fn same_but_for_trap(case: &Case) -> bool {
    Outcome { trap: None, ..case.machine } == Outcome { trap: None, ..case.manual }
}

pub(super) fn is_sc(case: &Case) -> bool {
    is_store_conditional(case.instruction)
}

/// With one hart QEMU executes them as a load and a store, and the load is what fails; for some of them it also tells the address
/// of a load that it took apart.
pub(super) fn calls_atomic_a_load(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let value_fits = machine.value == manual.value || is_rounded(machine.value, manual.value);
    let cause_fits = matches!(
        (manual.cause, machine.cause),
        (STORE_MISALIGNED, LOAD_MISALIGNED) | (STORE_ACCESS, LOAD_ACCESS) | (STORE_PAGE, LOAD_PAGE)
    );
    case.opcode() == AMO && cause_fits && value_fits && same_but_for_trap(case)
}

pub(super) fn rounds_address(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let both = machine.cause == LOAD_ACCESS && manual.cause == LOAD_ACCESS;
    both && is_rounded(machine.value, manual.value) && same_but_for_trap(case)
}

pub(super) fn is_rounded(machine: u64, manual: u64) -> bool {
    machine < manual && [2, 4, 8].iter().any(|size| manual / size * size == machine)
}

/// For comparisons and conversions to integers, which write fcsr but no f register; and for csrrs and csrrc with a register
/// that holds 0, which write all the same.
pub(super) fn leaves_float_clean(case: &Case) -> bool {
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
pub(super) fn misaligned_sc(case: &Case) -> bool {
    let goes_on = case.machine.trap.is_none_or(|trap| trap.cause == LOAD_MISALIGNED);
    is_sc(case) && case.manual.trap.is_some_and(|trap| trap.cause == STORE_MISALIGNED) && goes_on
}

pub(super) fn sc_faults_without_reservation(case: &Case) -> bool {
    let fails = case.machine.trap.is_some_and(|trap| matches!(trap.cause, STORE_ACCESS | STORE_PAGE));
    is_sc(case) && case.manual.trap.is_none() && fails
}

/// It stores where the low half of what `lr.d` loaded is still there, and then compares all of it with the word. That they store
/// the same is seen in memory.
pub(super) fn calls_stored_failed(case: &Case) -> bool {
    let is_word = case.instruction >> 12 & 7 == 2;
    let returned = case.machine.result == Some(1) && case.manual.result == Some(0);
    is_sc(case) && is_word && returned && Outcome { result: Some(0), ..case.machine } == case.manual
}

pub(super) fn marks_float_early(case: &Case) -> bool {
    let (here, there) = (case.manual.sstatus, case.machine.sstatus);
    let rest = here & !FLOAT_STATUS == there & !FLOAT_STATUS && case.machine.trap == case.manual.trap;
    case.opcode() == FLOAT && rest && here & FS != 0 && here & FS != FS && there & FS == FS
}

/// Only sepc differs: the offset in the page is that of the first half.
pub(super) fn takes_next_page(case: &Case) -> bool {
    let Some((machine, manual)) = case.machine.trap.zip(case.manual.trap) else { return false };
    let on_two_pages = manual.pc % PAGE == PAGE - 2 && machine.pc == manual.pc + PAGE;
    on_two_pages && TrapValues { pc: manual.pc, ..machine } == manual && same_but_for_trap(case)
}

pub(super) fn tells_second_page(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let crosses = machine.value % PAGE == 0 && machine.value > manual.value && machine.value - manual.value < 8;
    // The second one is translated before the first is accessed: a page fault there comes before an access fault here.
    let cause = machine.cause == manual.cause
        || matches!((manual.cause, machine.cause), (LOAD_ACCESS, LOAD_PAGE) | (STORE_ACCESS, STORE_PAGE));
    cause && crosses && same_but_for_trap(case)
}

pub(super) fn rounds_to_block(case: &Case) -> bool {
    const CACHE_BLOCK: u32 = 0x200f;
    let Some((machine, manual)) = traps(case) else { return false };
    let rounded = machine.cause == manual.cause && machine.value == manual.value & !(board::CACHE_BLOCK - 1);
    case.instruction & 0x7fff == CACHE_BLOCK && rounded && same_but_for_trap(case)
}

pub(super) fn executes_user_page(case: &Case) -> bool {
    const USER_ACCESS: u64 = sstatus::SPP | sstatus::SUM;
    let refused = case.manual.trap.is_some_and(|trap| trap.cause == INSTRUCTION_PAGE);
    let executed = case.machine.trap.is_none_or(|trap| trap.cause == BREAKPOINT);
    refused && executed && case.manual.sstatus & USER_ACCESS == USER_ACCESS
}

pub(super) fn ebreak_tells_address(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let both = machine.cause == BREAKPOINT && manual.cause == BREAKPOINT;
    both && manual.value == 0 && same_but_for_trap(case)
}

/// It translates both pages of an access before it is made.
pub(super) fn sets_bits_early(case: &Case) -> bool {
    const LEAF: u64 = page_table::READ | page_table::EXECUTE;
    let Some((machine, manual)) = case.machine.entry.zip(case.manual.entry) else { return false };
    let is_leaf = manual & page_table::VALID != 0 && manual & LEAF != 0;
    is_leaf && machine == manual | machine & (page_table::ACCESSED | page_table::DIRTY)
}

/// It looks at the size last.
pub(super) fn sets_bits_of_reserved_size(case: &Case) -> bool {
    case.manual.entry.is_some_and(|entry| entry & page_table::NAPOT != 0) && sets_bits_early(case)
}

/// The values of the CSR that the instruction names, by the machine and by the manual, where it is this one.
pub(super) fn held(case: &Case, number: u16) -> Option<(u64, u64)> {
    let executed = case.machine.trap.is_none() && case.manual.trap.is_none();
    if case.csr() == Some(number) && executed { case.machine.csr.zip(case.manual.csr) } else { None }
}

pub(super) fn holds_odd_sepc(case: &Case) -> bool {
    const SEPC: u16 = csr::SEPC.csr_number();
    held(case, SEPC).is_some_and(|(machine, manual)| machine ^ manual == 1)
}

/// The values of scounteren or hcounteren.
pub(super) fn held_counters(case: &Case) -> Option<(u64, u64)> {
    held(case, csr::SCOUNTEREN.csr_number()).or_else(|| held(case, csr::HCOUNTEREN.csr_number()))
}

pub(super) fn holds_narrow_counters(case: &Case) -> bool {
    held_counters(case).is_some_and(|(machine, manual)| machine & !manual == 0)
}

pub(super) fn holds_wide_counters(case: &Case) -> bool {
    held_counters(case).is_some_and(|(machine, manual)| machine as u32 == manual as u32)
}

const SENVCFG: u16 = csr::SENVCFG.csr_number();

pub(super) fn holds_reserved_invalidation(case: &Case) -> bool {
    const CBIE: u64 = 3 << 4;
    held(case, SENVCFG).is_some_and(|(machine, manual)| machine & CBIE == 2 << 4 && (machine ^ manual) & !CBIE == 0)
}

pub(super) fn holds_other_extensions(case: &Case) -> bool {
    const SSTATUS: u16 = csr::SSTATUS.csr_number();
    /// Those of cache blocks and pointer masking; of vectors, other extensions, landing pads and double traps.
    const SENVCFG_OTHERS: u64 = 0xf0 | 3 << 32 | 0xc;
    const SSTATUS_OTHERS: u64 = 3 << 9 | 3 << 15 | 3 << 23 | sstatus::SD;
    let only =
        |number, others: u64| held(case, number).is_some_and(|(machine, manual)| (machine ^ manual) & !others == 0);
    only(SENVCFG, SENVCFG_OTHERS) || only(SSTATUS, SSTATUS_OTHERS)
}

/// And it is there in sstatus whatever the instruction was.
pub(super) fn holds_other_width(case: &Case) -> bool {
    const SSTATUS: u16 = csr::SSTATUS.csr_number();
    let names_it = case.csr() == Some(SSTATUS);
    let without = |outcome: Outcome| Outcome {
        sstatus: outcome.sstatus & !sstatus::UXL_FIELD,
        csr: outcome.csr.map(|value| if names_it { value & !sstatus::UXL_FIELD } else { value }),
        ..outcome
    };
    case.machine != case.manual && without(case.machine) == without(case.manual)
}

pub(super) fn zero_is_no_write(case: &Case) -> bool {
    let reads_and_modifies = case.opcode() == SYSTEM && case.instruction >> 12 & 3 >= 2;
    let read_only = case.csr().is_some_and(csr::is_read_only);
    let refused = case.manual.trap.is_some_and(|trap| trap.cause == ILLEGAL_INSTRUCTION);
    reads_and_modifies && read_only && refused && case.machine.trap.is_none()
}
