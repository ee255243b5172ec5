//! CSRs by number and name, of the modes that a kernel and its firmware run in. Pure.
//!
//! Source: the RISC-V privileged manual, tables "Allocated ... CSR addresses".

use super::Register;

/// Supervisor status; bit 1 (SIE) enables interrupts.
pub const SSTATUS: Register = Register::Csr(0x100);
/// Which supervisor interrupts are enabled.
pub const SIE: Register = Register::Csr(0x104);
/// Where the hart goes on a trap into S-mode.
pub const STVEC: Register = Register::Csr(0x105);
/// pc of the instruction that trapped.
pub const SEPC: Register = Register::Csr(0x141);
/// Why it trapped.
pub const SCAUSE: Register = Register::Csr(0x142);
/// The address or instruction that the trap was about.
pub const STVAL: Register = Register::Csr(0x143);
/// Address translation; 0 is none.
pub const SATP: Register = Register::Csr(0x180);
/// pc of the instruction that trapped into M-mode: the firmware's caller.
pub const MEPC: Register = Register::Csr(0x341);
/// The hart's number.
pub const MHARTID: Register = Register::Csr(0xf14);

/// The name by which debuggers and assemblers know a CSR; `None` for one that no table here lists.
pub fn name(number: u16) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Number and name, in the order of the numbers.
pub const NAMES: &[(u16, &str)] = &[
    (0x001, "fflags"),
    (0x002, "frm"),
    (0x003, "fcsr"),
    (0x100, "sstatus"),
    (0x104, "sie"),
    (0x105, "stvec"),
    (0x106, "scounteren"),
    (0x10a, "senvcfg"),
    (0x140, "sscratch"),
    (0x141, "sepc"),
    (0x142, "scause"),
    (0x143, "stval"),
    (0x144, "sip"),
    (0x180, "satp"),
    (0x300, "mstatus"),
    (0x301, "misa"),
    (0x302, "medeleg"),
    (0x303, "mideleg"),
    (0x304, "mie"),
    (0x305, "mtvec"),
    (0x306, "mcounteren"),
    (0x340, "mscratch"),
    (0x341, "mepc"),
    (0x342, "mcause"),
    (0x343, "mtval"),
    (0x344, "mip"),
    (0xc00, "cycle"),
    (0xc01, "time"),
    (0xc02, "instret"),
    (0xf11, "mvendorid"),
    (0xf12, "marchid"),
    (0xf13, "mimpid"),
    (0xf14, "mhartid"),
];
