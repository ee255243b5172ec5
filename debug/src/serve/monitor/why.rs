//! `monitor why`: explains the last trap, and a fault that stopped the machine.

use std::time::Duration;

use super::super::target::GdbTarget;
use crate::machine::{Address, Fault, Machine, Register, Stop, csr};
use crate::riscv::{self, cause};

/// The time limit for the search of the trap.
const PATIENCE: Duration = Duration::from_secs(10);

impl GdbTarget {
    pub(super) fn why(&mut self) -> String {
        if self.machine.fault().is_some() {
            return self.words_for_fault() + &self.callers();
        }
        let [scause, sepc, stval] = [csr::SCAUSE, csr::SEPC, csr::STVAL].map(|register| self.csr(register));
        if (scause, sepc, stval) == (0, 0, 0) {
            return "no trap since boot".into();
        }
        let handler = self.handler(scause);
        let trap = self.at_entry_of(handler, scause).unwrap_or_else(|| self.trap(scause, sepc, stval));
        format!("{trap}; its handler: {}", self.image.place(handler))
    }

    /// The handler for a trap of this cause (privileged manual, "Supervisor Trap Vector Base Address Register").
    fn handler(&mut self, scause: u64) -> Address {
        let stvec = self.csr(csr::STVEC);
        let vectored = stvec & 3 == 1 && cause::is_interrupt(scause);
        Address(stvec & !3) + if vectored { 4 * (scause & 0xff) } else { 0 }
    }

    /// The trap when its handler was last entered: the handler may have changed sepc since, to return behind the instruction.
    /// Afterwards the machine is where it was. `None` if that moment is not found.
    fn at_entry_of(&mut self, handler: Address, scause: u64) -> Option<String> {
        let now = self.machine.icount();
        let words =
            if self.pc() == handler.0 { Some(self.trap_in_csrs()) } else { self.at_last_entry_of(handler, scause) };
        self.machine.goto(now, Duration::MAX);
        words
    }

    fn at_last_entry_of(&mut self, handler: Address, scause: u64) -> Option<String> {
        let set = self.take_set();
        let stop = self.machine.insert_breakpoint(handler).map(|()| self.machine.reverse_resume(PATIENCE));
        // It was just inserted.
        let _ = self.machine.remove_breakpoint(handler);
        self.set = set;
        self.insert_set();
        (matches!(stop, Ok(Stop::Breakpoint)) && self.csr(csr::SCAUSE) == scause).then(|| self.trap_in_csrs())
    }

    fn trap_in_csrs(&mut self) -> String {
        let [scause, sepc, stval] = [csr::SCAUSE, csr::SEPC, csr::STVAL].map(|register| self.csr(register));
        format!("{}, at instruction {}", self.trap(scause, sepc, stval), self.machine.icount().saturating_sub(1))
    }

    /// The fault that stopped the machine; empty if there is none.
    pub(in super::super) fn words_for_fault(&mut self) -> String {
        match self.machine.fault() {
            Some(Fault::Trap { cause, value, pc }) => {
                let trap = self.trap(cause, pc.0, value);
                format!("{trap}; no handler takes it: stvec is still the kernel's entry")
            }
            Some(fault) => fault.to_string(),
            None => String::new(),
        }
    }

    fn trap(&self, scause: u64, sepc: u64, stval: u64) -> String {
        let at = self.image.place(Address(sepc));
        if cause::is_interrupt(scause) {
            return format!("{} before {at}", cause::cause(scause));
        }
        let mut bytes = [0; 4];
        let instruction = match self.machine.peek(Address(sepc), &mut bytes) {
            true => format!("`{}`", riscv::disassemble(Address(sepc), &bytes)),
            false => "no memory".into(),
        };
        let about = if stval == 0 { String::new() } else { format!(", stval {}", self.image.place(Address(stval))) };
        format!("{}: {instruction}{about}, at {at}", cause::cause(scause))
    }

    fn callers(&mut self) -> String {
        let Ok(registers) = self.machine.registers() else { return String::new() };
        let machine = &mut self.machine;
        let places =
            self.image.backtrace(&registers, &mut |address, bytes| machine.read_memory(address, bytes).is_ok());
        places.iter().skip(1).map(|place| format!("\nfrom {place}")).collect()
    }

    fn csr(&mut self, register: Register) -> u64 {
        self.machine.read_register(register).unwrap_or(0)
    }
}
