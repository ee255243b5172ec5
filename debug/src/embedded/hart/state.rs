//! The hart's state: registers, privilege, the supervisor's CSRs, the reservation of `lr`.
//!
//! It does not know memory, time or what an instruction does.

use crate::embedded::hart::trap::Trap;
use crate::riscv::Extensions;

/// The slot for writes to x0, which is never read. The decoder uses it as destination instead of register 0.
pub const SINK: u8 = 32;

/// sstatus (privileged manual, "Supervisor Status Register").
pub mod sstatus {
    pub const SIE: u64 = 1 << 1;
    pub const SPIE: u64 = 1 << 5;
    pub const SPP: u64 = 1 << 8;
    /// Both bits of the state of the floating-point unit: 0 off, 1 initial, 2 clean, 3 dirty.
    pub const FS: u64 = 3 << 13;
    pub const SUM: u64 = 1 << 18;
    pub const MXR: u64 = 1 << 19;
    /// U-mode is 64 bits wide, and stays so.
    pub const UXL: u64 = 2 << 32;
    /// Some extension's state is dirty: read-only, follows FS.
    pub const SD: u64 = 1 << 63;
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

/// Supervisor interrupts, as bits of sie and sip.
pub mod interrupt {
    pub const SOFTWARE: u64 = 1 << 1;
    pub const TIMER: u64 = 1 << 5;
    pub const EXTERNAL: u64 = 1 << 9;
    pub const ALL: u64 = SOFTWARE | TIMER | EXTERNAL;
}

/// The stack pointer's number.
pub const SP: u8 = 2;

/// The modes of the hart. The firmware's M-mode is in the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    User,
    Supervisor,
}

/// What `lr` read, and where: `sc` succeeds while memory still holds it (as QEMU decides it, and as one hart can tell). A trap, the
/// return from one and a call of the firmware end it, as they do on QEMU; the manual lets `sc` fail then (unprivileged manual,
/// "Eventual Success of Store-Conditional Instructions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub address: u64,
    pub value: u64,
}

/// Everything except memory and time that an instruction can see.
#[derive(Clone, Debug)]
pub struct Hart {
    /// What it has beyond RV64GC; never changes.
    pub extensions: Extensions,
    /// x0 to x31, the sink, and room so that no index needs a check.
    x: [u64; 64],
    pub pc: u64,
    pub f: [u64; 32],
    /// Accrued exceptions: inexact 1, underflow 2, overflow 4, division by zero 8, invalid 16.
    pub fflags: u8,
    /// The dynamic rounding mode; 5 to 7 can be stored, but are illegal when used.
    pub frm: u8,
    pub privilege: Privilege,
    /// sstatus without SD and UXL, which reads add.
    pub sstatus: u64,
    pub sie: u64,
    pub stvec: u64,
    pub scounteren: u64,
    pub senvcfg: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub satp: u64,
    /// The time from which on the timer interrupt is pending.
    pub stimecmp: u64,
    pub software_interrupt: bool,
    pub reservation: Option<Reservation>,
    /// It waits in a `wfi`.
    pub waiting: bool,
}

impl Hart {
    /// A hart at `pc` in S-mode, with stvec = `pc` and everything else zero.
    pub fn new(pc: u64, extensions: Extensions) -> Hart {
        Hart {
            extensions,
            x: [0; 64],
            pc,
            f: [0; 32],
            fflags: 0,
            frm: 0,
            privilege: Privilege::Supervisor,
            sstatus: 0,
            sie: 0,
            stvec: pc,
            scounteren: 0,
            senvcfg: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            satp: 0,
            stimecmp: u64::MAX,
            software_interrupt: false,
            reservation: None,
            waiting: false,
        }
    }

    /// Register `index`, 0 to 31.
    #[inline(always)]
    pub fn x(&self, index: u8) -> u64 {
        self.x[usize::from(index & 63)]
    }

    /// Writes register `index`, 1 to 31, or the [`SINK`].
    #[inline(always)]
    pub fn set_x(&mut self, index: u8, value: u64) {
        self.x[usize::from(index & 63)] = value;
    }

    /// x0 to x31.
    pub fn general(&self) -> [u64; 32] {
        std::array::from_fn(|index| self.x[index])
    }

    /// sstatus as reading shows it.
    pub fn sstatus(&self) -> u64 {
        let dirty = if self.sstatus & sstatus::FS == sstatus::FS { sstatus::SD } else { 0 };
        self.sstatus | sstatus::UXL | dirty
    }

    /// Whether the floating-point unit is off: its instructions and CSRs are illegal.
    #[inline(always)]
    pub fn float_off(&self) -> bool {
        self.sstatus & sstatus::FS == 0
    }

    #[inline(always)]
    pub fn mark_float_dirty(&mut self) {
        self.sstatus |= sstatus::FS;
    }

    /// Enters the supervisor's handler for an exception at pc.
    pub fn take_exception(&mut self, trap: Trap) {
        self.enter_handler(trap.cause.code(), trap.value);
        self.pc = self.stvec & !3;
    }

    /// Enters the supervisor's handler for interrupt `number`, vectored if stvec says so.
    pub fn take_interrupt(&mut self, number: u64) {
        self.enter_handler(1 << 63 | number, 0);
        let vector = if self.stvec & 3 == 1 { 4 * number } else { 0 };
        self.pc = (self.stvec & !3).wrapping_add(vector);
    }

    /// The part that both share (privileged manual, "Supervisor Cause Register" and "sstatus").
    fn enter_handler(&mut self, cause: u64, value: u64) {
        self.scause = cause;
        self.sepc = self.pc;
        self.stval = value;
        let enabled_before = if self.sstatus & sstatus::SIE != 0 { sstatus::SPIE } else { 0 };
        let came_from = if self.privilege == Privilege::Supervisor { sstatus::SPP } else { 0 };
        self.sstatus &= !(sstatus::SIE | sstatus::SPIE | sstatus::SPP);
        self.sstatus |= enabled_before | came_from;
        self.privilege = Privilege::Supervisor;
        self.reservation = None;
    }

    /// `sret`: returns from a trap.
    pub fn return_from_trap(&mut self) {
        self.pc = self.sepc;
        self.privilege = if self.sstatus & sstatus::SPP != 0 { Privilege::Supervisor } else { Privilege::User };
        let enabled = if self.sstatus & sstatus::SPIE != 0 { sstatus::SIE } else { 0 };
        self.sstatus &= !(sstatus::SIE | sstatus::SPP);
        self.sstatus |= enabled | sstatus::SPIE;
        self.reservation = None;
    }
}
