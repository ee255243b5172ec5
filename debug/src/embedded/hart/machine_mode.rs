//! M-mode's registers, for a machine without a firmware in the host.
//!
//! Source: privileged manual, "Machine-Level ISA". It does not know memory, or which interrupts are pending.

use crate::embedded::hart::bits::{Privilege, henvcfg, interrupt};
use crate::riscv::pmp::Pmp;
use crate::riscv::status::mstatus::{MIE, MPIE, MPP, MPP_SHIFT, MPRV, TSR, TVM, TW};
use crate::riscv::{Extension, Extensions};

/// The bits of mstatus that are not sstatus's, as they can be written.
pub const WRITABLE_STATUS: u64 = MIE | MPIE | MPP | MPRV | TVM | TW | TSR;

/// The number of events and of their counters.
const EVENTS: usize = 29;
const COUNTERS: usize = 16;

/// A counter of instructions that can be set and stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// What is added to the machine's own count; the value itself, where it is stopped.
    shift: u64,
    stopped: bool,
}

impl Counter {
    pub fn value(self, count: u64) -> u64 {
        if self.stopped { self.shift } else { count.wrapping_add(self.shift) }
    }

    pub fn set(&mut self, value: u64, count: u64) {
        self.shift = if self.stopped { value } else { value.wrapping_sub(count) };
    }

    pub fn stop(&mut self, stopped: bool, count: u64) {
        let value = self.value(count);
        self.stopped = stopped;
        self.set(value, count);
    }
}

#[derive(Clone, Debug)]
pub struct MachineMode {
    /// mstatus but for what sstatus has.
    pub status: u64,
    pub medeleg: u64,
    pub mideleg: u64,
    pub mtvec: u64,
    pub mcounteren: u64,
    pub mcountinhibit: u64,
    pub menvcfg: u64,
    pub mscratch: u64,
    pub mepc: u64,
    pub mcause: u64,
    pub mtval: u64,
    pub mtval2: u64,
    pub mtinst: u64,
    /// S-mode's interrupts that M-mode made pending: the timer's, and that of devices.
    pub raised: u64,
    pub cycle: Counter,
    pub instret: Counter,
    /// mhpmevent3 and those after it. Nothing is counted.
    pub events: [u64; EVENTS],
    /// mhpmcounter3 and those after it.
    pub counters: [u64; COUNTERS],
    pub pmp: Pmp,
}

impl MachineMode {
    /// After a reset.
    pub fn new(extensions: Extensions) -> MachineMode {
        MachineMode {
            status: 0,
            medeleg: 0,
            mideleg: always_delegated(extensions),
            mtvec: 0,
            mcounteren: 0,
            mcountinhibit: 0,
            menvcfg: if extensions.has(Extension::Svadu) { henvcfg::ADUE } else { 0 },
            mscratch: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            mtval2: 0,
            mtinst: 0,
            raised: 0,
            cycle: Counter::default(),
            instret: Counter::default(),
            events: [0; EVENTS],
            counters: [0; COUNTERS],
            pmp: Pmp::default(),
        }
    }

    /// The privilege before the trap.
    pub fn previous_privilege(&self) -> Privilege {
        match (self.status & MPP) >> MPP_SHIFT {
            0 => Privilege::User,
            1 => Privilege::Supervisor,
            _ => Privilege::Machine,
        }
    }
}

/// The interrupts of guests are never M-mode's (privileged manual, "Machine Interrupt Delegation Register").
pub fn always_delegated(extensions: Extensions) -> u64 {
    if extensions.has(Extension::Hypervisor) { interrupt::HYPERVISOR } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_can_be_set_and_stopped() {
        let mut counter = Counter::default();
        assert_eq!(counter.value(7), 7);
        counter.set(100, 10);
        assert_eq!(counter.value(12), 102);
        counter.stop(true, 12);
        assert_eq!(counter.value(50), 102);
        counter.set(5, 50);
        counter.stop(false, 60);
        assert_eq!(counter.value(61), 6);
    }
}
