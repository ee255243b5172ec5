//! Those of M-mode.

use super::{All, Case, Known, OLD, Quirk, held};
use crate::riscv::csr;
use crate::riscv::status::interrupt::{EXTERNAL, TIMER};

pub(super) const TABLE: &[Known] = &[Known {
    from: OLD,
    until: None,
    quirk: Quirk {
        what: "mip's VSTIP and VSEIP can be written",
        source: "privileged manual, \"Machine Interrupt (mip and mie) Registers\" and \"Hypervisor Interrupt (hvip, hip, and hie) \
                 Registers\": aliases of hip's, which are read-only",
        explains: All(holds_guests_interrupts),
    },
}];

fn holds_guests_interrupts(case: &Case) -> bool {
    /// The guest's bits lie one above the supervisor's.
    const WRITTEN: u64 = (TIMER | EXTERNAL) << 1;
    held(case, csr::MIP.csr_number()).is_some_and(|(machine, manual)| (machine ^ manual) & !WRITTEN == 0)
}
