//! The hart's state: registers, privilege, the supervisor's CSRs, the reservation of `lr`.
//!
//! It does not know memory, time or what an instruction does.

pub use crate::embedded::hart::bits::{Privilege, henvcfg, hstatus, interrupt, senvcfg, sstatus};
use crate::embedded::hart::machine_mode::MachineMode;
use crate::riscv::{Extensions, Isa, Xlen};

/// Where writes to x0 go: a slot that nobody reads. Decoding names it in place of register 0 as a destination.
pub const SINK: u8 = 32;

/// Who takes a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    Machine,
    /// The hypervisor, if there are guests.
    Supervisor,
    Guest,
}

/// What `lr` read, and where: `sc` succeeds while memory still holds it (as QEMU decides it, and as one hart can tell). A trap, the
/// return from one and a call of the firmware end it, as they do on QEMU; the manual lets `sc` fail then (unprivileged manual,
/// "Eventual Success of Store-Conditional Instructions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub address: u64,
    pub value: u64,
}

/// What the firmware in the host knows of a hart (SBI, "Hart State Management Extension").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    Started,
    Stopped,
    Suspended,
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
    /// Its place among the board's harts, by which the interrupt controllers know it.
    pub number: usize,
    /// mhartid.
    pub id: u64,
    /// The instructions that other harts executed meanwhile.
    pub away: u64,
    /// Where the firmware in the host entered the kernel on it. While stvec points there, there is no handler.
    pub entry: u64,
    pub lifecycle: Lifecycle,
    /// The width of its registers; never changes. Values of RV32 have zeros above.
    pub xlen: Xlen,
    /// What it has beyond RV32GC or RV64GC; never changes.
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
    /// M-mode; none where the firmware is in the host.
    pub machine: Option<Box<MachineMode>>,
    /// Without SD and UXL, which reading adds.
    pub sstatus: u64,
    /// mie, of which sie and hie are parts.
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
    pub fn new(pc: u64, isa: Isa) -> Hart {
        Hart {
            number: 0,
            id: 0,
            away: 0,
            entry: pc,
            lifecycle: Lifecycle::Started,
            xlen: isa.xlen,
            extensions: isa.extensions,
            x: [0; 256],
            pc,
            f: [0; 32],
            fflags: 0,
            frm: 0,
            privilege: Privilege::Supervisor,
            virtualized: false,
            guest: Guest { vstimecmp: u64::MAX, ..Guest::default() },
            machine: None,
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

    /// A hart in M-mode at `pc`, as it is after a reset.
    pub fn reset(pc: u64, isa: Isa) -> Hart {
        Hart {
            privilege: Privilege::Machine,
            machine: Some(Box::new(MachineMode::new(isa.extensions))),
            stvec: 0,
            stimecmp: 0,
            ..Hart::new(pc, isa)
        }
    }

    /// What it waited for has come.
    pub fn wake(&mut self) {
        self.waiting = false;
        if self.lifecycle == Lifecycle::Suspended {
            self.lifecycle = Lifecycle::Started;
        }
    }

    /// Its width and extensions.
    pub fn isa(&self) -> Isa {
        Isa { xlen: self.xlen, extensions: self.extensions }
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
        shown_status(self.sstatus, self.xlen)
    }

    /// vsstatus likewise.
    pub fn vsstatus(&self) -> u64 {
        shown_status(self.guest.vsstatus, self.xlen)
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

    /// Which of S-mode's and the guests' interrupts are not M-mode's: all, where the firmware is in the host.
    pub fn delegated_interrupts(&self) -> u64 {
        self.machine.as_ref().map_or(u64::MAX, |machine| machine.mideleg)
    }

    /// A bit of mstatus that restricts S-mode is set, and this is S-mode.
    pub fn is_restricted(&self, bit: u64) -> bool {
        let held = self.machine.as_ref().is_some_and(|machine| machine.status & bit != 0);
        held && self.privilege == Privilege::Supervisor
    }

    /// menvcfg. A firmware in the host has allowed all.
    pub fn menvcfg(&self) -> u64 {
        self.machine.as_ref().map_or(u64::MAX, |machine| machine.menvcfg)
    }
}

/// With SD, and with UXL, which RV32 has not.
fn shown_status(status: u64, xlen: Xlen) -> u64 {
    let dirty = if status & sstatus::FS == sstatus::FS { xlen.top_bit() } else { 0 };
    let width = if xlen == Xlen::Rv64 { sstatus::UXL } else { 0 };
    status | width | dirty
}
