//! Those of hypervisors' CSRs, and of their guests'. Newer versions hold what belongs to extensions that their hart does not have.

use super::{AFTER_OLD, All, Case, Known, OLD, Quirk, held};
use crate::riscv::csr;

pub(super) const TABLE: &[Known] = &[
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "vsepc holds bit 0",
            source: "privileged manual, \"Virtual Supervisor Exception Program Counter (vsepc) Register\": as sepc, whose low bit is \
                     always zero",
            explains: All(holds_odd_vsepc),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "hstatus and vsstatus hold bits of no extension, and of some that QEMU implements and this hart lacks",
            source: "privileged manual, \"Hypervisor Status (hstatus) Register\" and \"Virtual Supervisor Status (vsstatus) \
                     Register\": zero without the extension",
            explains: All(holds_others_of_guests),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "hedeleg and hideleg hold bits of traps that QEMU implements and this hart never takes",
            source: "privileged manual, \"Hypervisor Trap Delegation (hedeleg and hideleg) Registers\": which bits are writable is the \
                     hart's choice",
            explains: All(delegates_others),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "htinst is read-only zero, but for traps",
            source: "privileged manual, \"Hypervisor Trap Instruction (htinst) Register\": it need only hold the values that traps write",
            explains: All(holds_no_instruction),
        },
    },
];

fn holds_odd_vsepc(case: &Case) -> bool {
    held(case, csr::VSEPC.csr_number()).is_some_and(|(machine, manual)| machine ^ manual == 1)
}

fn holds_others_of_guests(case: &Case) -> bool {
    /// Those that are the hart's: VSBE, GVA to HU, VTVM to VTSR and VSXL; SIE, SPIE, SPP, FS, SUM and MXR.
    const HSTATUS: u64 = 0x3_0070_03e0;
    const VSSTATUS: u64 = 0xc_6122;
    let only = |number, own: u64| held(case, number).is_some_and(|(machine, manual)| (machine ^ manual) & own == 0);
    only(csr::HSTATUS.csr_number(), HSTATUS) || only(csr::VSSTATUS.csr_number(), VSSTATUS)
}

fn delegates_others(case: &Case) -> bool {
    /// Software checks; and interrupts that the platform defines.
    const EXCEPTIONS: u64 = 1 << 18;
    const INTERRUPTS: u64 = !0xffff;
    let only =
        |number, others: u64| held(case, number).is_some_and(|(machine, manual)| (machine ^ manual) & !others == 0);
    only(csr::HEDELEG.csr_number(), EXCEPTIONS) || only(csr::HIDELEG.csr_number(), INTERRUPTS)
}

fn holds_no_instruction(case: &Case) -> bool {
    held(case, csr::HTINST.csr_number()).is_some_and(|(machine, _)| machine == 0)
}
