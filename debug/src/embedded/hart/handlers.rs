//! Traps into handlers and back: which mode's handler takes one, and what its registers hold then. It does not know why an instruction
//! traps, nor which interrupts are pending.
//!
//! Source: privileged manual, "Supervisor Cause Register", "Machine Trap Delegation Registers" and "Trap Entry".

use crate::embedded::hart::state::{GuestTrap, Handler, Hart, Privilege, hstatus, sstatus};
use crate::embedded::hart::trap::Trap;
use crate::riscv::Extension;
use crate::riscv::cause::handler;
use crate::riscv::status::mstatus::{GVA, MIE, MPIE, MPP, MPP_SHIFT, MPRV, MPV};

impl Hart {
    /// Whose handler takes an exception at pc: the guest's, where it is in a guest whose hypervisor leaves it those; M-mode's, where
    /// that does not leave it to the others.
    pub fn takes(&self, code: u64) -> Handler {
        let delegates = |held: u64| held >> code & 1 != 0;
        match &self.machine {
            Some(machine) if self.privilege == Privilege::Machine || !delegates(machine.medeleg) => Handler::Machine,
            _ if self.virtualized && delegates(self.guest.hedeleg) => Handler::Guest,
            _ => Handler::Supervisor,
        }
    }

    /// Goes to the handler for an exception at pc.
    pub fn take_exception(&mut self, trap: Trap, about: GuestTrap) {
        let code = trap.cause.code();
        match self.takes(code) {
            Handler::Machine => self.enter_machine_handler(code, trap.value, about),
            Handler::Supervisor => self.enter_handler(code, trap.value, about),
            Handler::Guest => self.enter_guest_handler(code, trap.value),
        }
    }

    /// Goes to a handler for interrupt `number`; a guest knows its own by the number before it.
    pub fn take_interrupt(&mut self, number: u64, by: Handler) {
        let interrupt = self.xlen.top_bit();
        match by {
            Handler::Machine => self.enter_machine_handler(interrupt | number, 0, GuestTrap::default()),
            Handler::Supervisor => self.enter_handler(interrupt | number, 0, GuestTrap::default()),
            Handler::Guest => self.enter_guest_handler(interrupt | (number - 1), 0),
        }
    }

    /// The part that both share (privileged manual, "Supervisor Cause Register", "sstatus" and "Trap Entry").
    fn enter_handler(&mut self, cause: u64, value: u64, about: GuestTrap) {
        self.scause = cause;
        self.sepc = self.pc;
        self.pc = self.xlen.truncate(handler(self.stvec, cause));
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
        self.pc = self.xlen.truncate(handler(self.guest.vstvec, cause));
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
        if let Some(machine) = &mut self.machine {
            machine.status &= !MPRV;
        }
        self.reservation = None;
    }

    /// M-mode takes a trap with this cause.
    pub fn enter_machine_handler(&mut self, cause: u64, value: u64, about: GuestTrap) {
        let has_guests = self.extensions.has(Extension::Hypervisor);
        let (privilege, virtualized, pc) = (self.privilege, self.virtualized, self.pc);
        let Some(machine) = &mut self.machine else { return };
        machine.mcause = cause;
        machine.mepc = pc;
        machine.mtval = value;
        let enabled = if machine.status & MIE != 0 { MPIE } else { 0 };
        let came_from = (privilege as u64) << MPP_SHIFT;
        machine.status = machine.status & !(MIE | MPIE | MPP | MPV | GVA) | enabled | came_from;
        if has_guests {
            machine.status |= if virtualized { MPV } else { 0 } | if about.guest_address { GVA } else { 0 };
            machine.mtval2 = about.guest_physical >> 2;
            machine.mtinst = about.instruction;
        }
        self.pc = self.xlen.truncate(handler(machine.mtvec, cause));
        self.virtualized = false;
        self.privilege = Privilege::Machine;
        self.reservation = None;
    }

    /// `mret`: back to where the trap came from.
    pub fn return_from_machine_trap(&mut self) {
        let Some(machine) = &mut self.machine else { return };
        let to = machine.previous_privilege();
        let enabled = if machine.status & MPIE != 0 { MIE } else { 0 };
        self.virtualized = machine.status & MPV != 0 && to != Privilege::Machine;
        let kept = if to == Privilege::Machine { MPRV } else { 0 };
        machine.status = machine.status & (!(MIE | MPP | MPV | MPRV) | kept) | enabled | MPIE;
        self.pc = machine.mepc;
        self.privilege = to;
        self.reservation = None;
    }
}

/// The status in a handler that was entered at this privilege.
fn entered_status(status: u64, privilege: Privilege) -> u64 {
    let enabled_before = if status & sstatus::SIE != 0 { sstatus::SPIE } else { 0 };
    let came_from = if privilege == Privilege::Supervisor { sstatus::SPP } else { 0 };
    status & !(sstatus::SIE | sstatus::SPIE | sstatus::SPP) | enabled_before | came_from
}
