//! The hart's state: registers, privilege, the supervisor's CSRs, the reservation of `lr`.
//!
//! It does not know memory, time or what an instruction does.

use crate::embedded::hart::trap::Trap;
use crate::riscv::cause::{INTERRUPT, handler};
use crate::riscv::{Extension, Extensions};

/// Where writes to x0 go: a slot that nobody reads. Decoding names it in place of register 0 as a destination.
pub const SINK: u8 = 32;

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

/// hstatus (privileged manual, "Hypervisor Status Register").
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

/// Modes below the firmware's; the firmware itself is in the host.
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

/// What the extension H adds: the hypervisor's registers, and those of its guest (privileged manual, "Hypervisor Extension").
#[derive(Clone, Debug, Default)]
pub struct Guest {
    pub hstatus: u64,
    pub hedeleg: u64,
    pub hideleg: u64,
    /// The guest's interrupts that the hypervisor made pending.
    pub hvip: u64,
    pub htimedelta: u64,
    pub hcounteren: u64,
    pub henvcfg: u64,
    pub htval: u64,
    pub htinst: u64,
    pub hgatp: u64,
    pub vsstatus: u64,
    pub vstvec: u64,
    pub vsscratch: u64,
    pub vsepc: u64,
    pub vscause: u64,
    pub vstval: u64,
    pub vsatp: u64,
    pub vstimecmp: u64,
}

/// What only a hypervisor is told of a trap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestTrap {
    /// htval.
    pub guest_physical: u64,
    /// htinst.
    pub instruction: u64,
    /// stval is an address of the guest's.
    pub guest_address: bool,
}

/// Everything that an instruction of this hart can see besides memory and time.
#[derive(Clone, Debug)]
pub struct Hart {
    /// What it has beyond RV64GC; never changes.
    pub extensions: Extensions,
    /// x0 to x31, the sink, and room so that no index needs a check.
    x: [u64; 256],
    pub pc: u64,
    pub f: [u64; 32],
    /// Accrued exceptions: inexact 1, underflow 2, overflow 4, division by zero 8, invalid 16.
    pub fflags: u8,
    /// The dynamic rounding mode; 5 to 7 are held, and illegal when used.
    pub frm: u8,
    pub privilege: Privilege,
    /// V: the hart executes a guest.
    pub virtualized: bool,
    pub guest: Guest,
    /// Without SD and UXL, which reading adds.
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
    /// It executed a `wfi` that nothing has ended yet.
    pub waiting: bool,
}

impl Hart {
    /// A hart that stands at `pc` in S-mode, traps leading there too, everything else zero.
    pub fn new(pc: u64, extensions: Extensions) -> Hart {
        Hart {
            extensions,
            x: [0; 256],
            pc,
            f: [0; 32],
            fflags: 0,
            frm: 0,
            privilege: Privilege::Supervisor,
            virtualized: false,
            guest: Guest { vstimecmp: u64::MAX, ..Guest::default() },
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
        self.x[usize::from(index)]
    }

    /// Writes register `index`, 1 to 31, or the [`SINK`].
    #[inline(always)]
    pub fn set_x(&mut self, index: u8, value: u64) {
        self.x[usize::from(index)] = value;
    }

    /// x0 to x31.
    pub fn general(&self) -> [u64; 32] {
        std::array::from_fn(|index| self.x[index])
    }

    /// sstatus as reading shows it.
    pub fn sstatus(&self) -> u64 {
        shown_status(self.sstatus)
    }

    /// vsstatus likewise.
    pub fn vsstatus(&self) -> u64 {
        shown_status(self.guest.vsstatus)
    }

    /// The floating-point unit was switched off, by the guest or by its hypervisor: its instructions and CSRs are illegal.
    #[inline(always)]
    pub fn float_off(&self) -> bool {
        self.sstatus & sstatus::FS == 0 || (self.virtualized && self.guest.vsstatus & sstatus::FS == 0)
    }

    #[inline(always)]
    pub fn mark_float_dirty(&mut self) {
        self.sstatus |= sstatus::FS;
        if self.virtualized {
            self.guest.vsstatus |= sstatus::FS;
        }
    }

    /// Goes to the handler for an exception at pc: the guest's, where it is in a guest whose hypervisor leaves it those.
    pub fn take_exception(&mut self, trap: Trap, about: GuestTrap) {
        let code = trap.cause.code();
        if self.virtualized && self.guest.hedeleg >> code & 1 != 0 {
            self.enter_guest_handler(code, trap.value);
        } else {
            self.enter_handler(code, trap.value, about);
        }
    }

    /// Goes to the supervisor's handler for interrupt `number`.
    pub fn take_interrupt(&mut self, number: u64) {
        self.enter_handler(INTERRUPT | number, 0, GuestTrap::default());
    }

    /// Goes to the guest's handler for interrupt `number`, which the guest knows by the number before it.
    pub fn take_guest_interrupt(&mut self, number: u64) {
        self.enter_guest_handler(INTERRUPT | (number - 1), 0);
    }

    /// The part that both share (privileged manual, "Supervisor Cause Register", "sstatus" and "Trap Entry").
    fn enter_handler(&mut self, cause: u64, value: u64, about: GuestTrap) {
        self.scause = cause;
        self.sepc = self.pc;
        self.pc = handler(self.stvec, cause);
        self.stval = value;
        self.sstatus = entered_status(self.sstatus, self.privilege);
        if self.extensions.has(Extension::Hypervisor) {
            let guest = &mut self.guest;
            if self.virtualized {
                let privilege = if self.privilege == Privilege::Supervisor { hstatus::SPVP } else { 0 };
                guest.hstatus = guest.hstatus & !hstatus::SPVP | privilege;
            }
            let came_from = if self.virtualized { hstatus::SPV } else { 0 };
            let address = if about.guest_address { hstatus::GVA } else { 0 };
            guest.hstatus = guest.hstatus & !(hstatus::SPV | hstatus::GVA) | came_from | address;
            guest.htval = about.guest_physical >> 2;
            guest.htinst = about.instruction;
        }
        self.virtualized = false;
        self.privilege = Privilege::Supervisor;
        self.reservation = None;
    }

    fn enter_guest_handler(&mut self, cause: u64, value: u64) {
        self.guest.vscause = cause;
        self.guest.vsepc = self.pc;
        self.pc = handler(self.guest.vstvec, cause);
        self.guest.vstval = value;
        self.guest.vsstatus = entered_status(self.guest.vsstatus, self.privilege);
        self.privilege = Privilege::Supervisor;
        self.reservation = None;
    }

    /// `sret`: back to where the trap came from. A guest's stays in the guest; a hypervisor's may lead there.
    pub fn return_from_trap(&mut self) {
        let status = if self.virtualized { &mut self.guest.vsstatus } else { &mut self.sstatus };
        self.privilege = if *status & sstatus::SPP != 0 { Privilege::Supervisor } else { Privilege::User };
        let enabled = if *status & sstatus::SPIE != 0 { sstatus::SIE } else { 0 };
        *status &= !(sstatus::SIE | sstatus::SPP);
        *status |= enabled | sstatus::SPIE;
        self.pc = if self.virtualized { self.guest.vsepc } else { self.sepc };
        if !self.virtualized {
            self.virtualized = self.guest.hstatus & hstatus::SPV != 0;
            self.guest.hstatus &= !hstatus::SPV;
        }
        self.reservation = None;
    }
}

fn shown_status(status: u64) -> u64 {
    let dirty = if status & sstatus::FS == sstatus::FS { sstatus::SD } else { 0 };
    status | sstatus::UXL | dirty
}

/// The status in a handler that was entered at this privilege.
fn entered_status(status: u64, privilege: Privilege) -> u64 {
    let enabled_before = if status & sstatus::SIE != 0 { sstatus::SPIE } else { 0 };
    let came_from = if privilege == Privilege::Supervisor { sstatus::SPP } else { 0 };
    status & !(sstatus::SIE | sstatus::SPIE | sstatus::SPP) | enabled_before | came_from
}
