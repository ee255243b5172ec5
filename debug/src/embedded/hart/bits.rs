//! Bits of the registers that a kernel sees, as this machine holds them, and the privileges. It does not know who has them.

use crate::riscv::status::{MACHINE_MODE, SUPERVISOR_MODE, USER_MODE};

/// sstatus, and what of it this machine holds.
pub mod sstatus {
    pub use crate::riscv::status::sstatus::*;

    pub const WRITABLE: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
}

/// senvcfg (privileged manual, "Supervisor Environment Configuration Register"): what U-mode may.
pub mod senvcfg {
    /// Fences of I/O order memory as well; no effect where both keep their order anyway.
    pub const FIOM: u64 = 1;
    /// Invalidate cache blocks: 1 flushes them, 3 invalidates, 2 is reserved.
    pub const CBIE: u64 = 3 << 4;
    /// Clean and flush them.
    pub const CBCFE: u64 = 1 << 6;
    /// Zero them.
    pub const CBZE: u64 = 1 << 7;
}

/// hstatus, and what of it this machine holds.
pub mod hstatus {
    pub use crate::riscv::status::hstatus::*;

    pub const WRITABLE: u64 = GVA | SPV | SPVP | HU | VTVM | VTW | VTSR;
}

/// henvcfg, beyond what senvcfg has as well (privileged manual, "Hypervisor Environment Configuration Register").
pub mod henvcfg {
    /// The hart sets A and D in the guest's page tables.
    pub const ADUE: u64 = 1 << 61;
    /// The guest has Svpbmt.
    pub const PBMTE: u64 = 1 << 62;
    /// The guest has Sstc.
    pub const STCE: u64 = 1 << 63;
}

/// Interrupts, as bits of sie and sip, hie and hip.
pub mod interrupt {
    pub use crate::riscv::status::interrupt::*;

    /// Those of the guest lie one bit above.
    pub const GUEST: u64 = ALL << 1;
    pub const GUEST_SOFTWARE: u64 = SOFTWARE << 1;
    pub const GUEST_TIMER: u64 = TIMER << 1;
    /// A guest's device wants its hypervisor.
    pub const GUEST_EXTERNAL_FOR_HOST: u64 = 1 << 12;
    /// What hie holds.
    pub const HYPERVISOR: u64 = GUEST | GUEST_EXTERNAL_FOR_HOST;
}

/// Modes, with their numbers. No hart is in M-mode where the firmware is in the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    User = USER_MODE as isize,
    Supervisor = SUPERVISOR_MODE as isize,
    Machine = MACHINE_MODE as isize,
}
