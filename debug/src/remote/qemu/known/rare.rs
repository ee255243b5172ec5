//! Those that a generated program meets once in a million instructions, and no kernel of the tests.

use super::explain::{same_but_for_trap, traps};
use super::{All, Case, Known, OLD, Quirk, TEN};
use crate::riscv::cause::{BREAKPOINT, STORE_ACCESS, VIRTUAL_INSTRUCTION};
use crate::riscv::page_table::PAGE;
use crate::riscv::{Register, csr};

pub(super) const TABLE: &[Known] = &[
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "stval of a misaligned store to two pages, the second of which PMP protects, is the first address",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: All(tells_first_page),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "a guest's kernel accesses satp although hstatus.VTVM is set",
            source: "privileged manual, \"Hypervisor Status (hstatus) Register\": a virtual-instruction exception",
            explains: All(ignores_vtvm),
        },
    },
];

/// It asks PMP for all of the access, as if both pages lay beside each other.
fn tells_first_page(case: &Case) -> bool {
    let Some((machine, manual)) = traps(case) else { return false };
    let crosses = manual.value % PAGE == 0 && manual.value > machine.value && manual.value - machine.value < 8;
    let both = machine.cause == STORE_ACCESS && manual.cause == STORE_ACCESS;
    both && crosses && same_but_for_trap(case)
}

fn ignores_vtvm(case: &Case) -> bool {
    let refused = case.manual.trap.is_some_and(|trap| trap.cause == VIRTUAL_INSTRUCTION);
    let accessed = case.machine.trap.is_none_or(|trap| trap.cause == BREAKPOINT);
    case.csr().map(Register::Csr) == Some(csr::SATP) && refused && accessed
}
