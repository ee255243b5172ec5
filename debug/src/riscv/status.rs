//! Bits of status registers and of interrupt registers, and the numbers of the privilege modes. It does not know who holds them.
//!
//! Source: the privileged manual, "Supervisor Status Register", "Supervisor Interrupt Registers" and "Privilege Levels".

/// The number of U-mode.
pub const USER_MODE: u64 = 0;
/// The number of S-mode.
pub const SUPERVISOR_MODE: u64 = 1;
/// The number of M-mode.
pub const MACHINE_MODE: u64 = 3;

/// Bits of sstatus.
pub mod sstatus {
    /// Interrupts are enabled in S-mode.
    pub const SIE: u64 = 1 << 1;
    /// SIE before the trap.
    pub const SPIE: u64 = 1 << 5;
    /// The trap came from S-mode, not from U-mode.
    pub const SPP: u64 = 1 << 8;
    /// Both bits of the state of the floating-point unit: 0 off, 1 initial, 2 clean, 3 dirty.
    pub const FS: u64 = 3 << 13;
    /// S-mode may load from and store to user pages.
    pub const SUM: u64 = 1 << 18;
    /// Loads may read pages that can only be executed.
    pub const MXR: u64 = 1 << 19;
    /// U-mode is 64 bits wide.
    pub const UXL: u64 = 2 << 32;
    /// Both bits of U-mode's width.
    pub const UXL_FIELD: u64 = 3 << 32;
    /// Some extension's state is dirty: read-only, follows FS.
    pub const SD: u64 = 1 << 63;
}

/// Bits of mstatus, beyond those of sstatus (privileged manual, "Machine Status Registers").
pub mod mstatus {
    /// Interrupts are enabled in M-mode.
    pub const MIE: u64 = 1 << 3;
    /// MIE before the trap.
    pub const MPIE: u64 = 1 << 7;
    /// Where the privilege before the trap is.
    pub const MPP_SHIFT: u32 = 11;
    /// Its bits.
    pub const MPP: u64 = 3 << MPP_SHIFT;
    /// Loads and stores are made at the privilege in MPP.
    pub const MPRV: u64 = 1 << 17;
    /// S-mode may neither access satp nor forget translations.
    pub const TVM: u64 = 1 << 20;
    /// Its wfi traps.
    pub const TW: u64 = 1 << 21;
    /// Its sret traps.
    pub const TSR: u64 = 1 << 22;
    /// S-mode is 64 bits wide, and stays so.
    pub const SXL: u64 = 2 << 34;
    /// mtval holds an address of a guest's.
    pub const GVA: u64 = 1 << 38;
    /// V before the trap.
    pub const MPV: u64 = 1 << 39;
}

/// Bits of hstatus (privileged manual, "Hypervisor Status Register").
pub mod hstatus {
    /// stval holds an address of the guest's.
    pub const GVA: u64 = 1 << 6;
    /// V before the trap; `sret` goes back to it.
    pub const SPV: u64 = 1 << 7;
    /// The guest's privilege before the trap; `hlv` and its like go by it.
    pub const SPVP: u64 = 1 << 8;
    /// U-mode may load and store as the guest.
    pub const HU: u64 = 1 << 9;
    /// satp and sfence.vma of the guest trap.
    pub const VTVM: u64 = 1 << 20;
    /// Its wfi traps.
    pub const VTW: u64 = 1 << 21;
    /// Its sret traps.
    pub const VTSR: u64 = 1 << 22;
    /// VS-mode is 64 bits wide, and stays so.
    pub const VSXL: u64 = 2 << 32;
}

/// Interrupts, as bits of sie and sip, mie and mip.
pub mod interrupt {
    /// The software interrupt.
    pub const SOFTWARE: u64 = 1 << 1;
    /// The timer's interrupt.
    pub const TIMER: u64 = 1 << 5;
    /// The interrupt of devices.
    pub const EXTERNAL: u64 = 1 << 9;
    /// All of S-mode.
    pub const ALL: u64 = SOFTWARE | TIMER | EXTERNAL;
    /// M-mode's software interrupt.
    pub const MACHINE_SOFTWARE: u64 = 1 << 3;
    /// M-mode's timer.
    pub const MACHINE_TIMER: u64 = 1 << 7;
    /// M-mode's interrupt of devices.
    pub const MACHINE_EXTERNAL: u64 = 1 << 11;
    /// All of M-mode.
    pub const MACHINE: u64 = MACHINE_SOFTWARE | MACHINE_TIMER | MACHINE_EXTERNAL;
}
