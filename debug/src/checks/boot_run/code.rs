//! What the checks ask of the kernel's code where the hart runs: instructions, places, backtraces, and CSRs that may be missing.

use super::{BootRun, optional};
use crate::image::Place;
use crate::machine::{Address, Error, Register, Registers, csr};
use crate::riscv::{self, Effect};

impl BootRun<'_> {
    /// The effect of the instruction at `pc`.
    pub fn effect(&mut self, pc: Address) -> Result<Effect, Error> {
        let operation = riscv::decode(self.image.xlen(), &self.instruction(pc)?);
        Ok(operation.map_or(Effect::Other, |operation| operation.effect()))
    }

    /// The bytes of the instruction at `pc`: four, or two at the end of memory.
    pub fn instruction(&mut self, pc: Address) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; 4];
        match self.machine.read_memory(pc, &mut bytes) {
            // The last two bytes of memory may be a compressed instruction.
            Err(Error::Refused { .. }) => {
                bytes.truncate(2);
                self.machine.read_memory(pc, &mut bytes)?;
            }
            read => read?,
        }
        Ok(bytes)
    }

    pub fn place(&self, address: Address) -> Place {
        self.image.place(address)
    }

    /// The backtrace of a hart with these registers.
    pub fn backtrace(&mut self, registers: &Registers) -> Vec<Place> {
        self.image.backtrace(registers, &mut |address, bytes| self.machine.read_memory(address, bytes).is_ok())
    }

    /// Whether the two instructions are in the same function.
    pub fn same_function(&self, one: Address, other: Address) -> bool {
        let start = |pc: Address| self.image.function(pc).map(|(_, offset)| pc - offset);
        start(one).is_some() && start(one) == start(other)
    }

    /// Whether a function is in a backtrace. Of an outer frame, the call's last byte tells: what follows a call that does not return may be
    /// another function.
    pub fn stands_in(&self, backtrace: &[Place], function: Address) -> bool {
        let innermost = backtrace.first().map(|place| place.address);
        let within = |address: Address| if Some(address) == innermost { address } else { address - 1 };
        backtrace.iter().any(|place| self.same_function(function, within(place.address)))
    }

    /// Whether a guest's addresses are translated, so that its instructions are not where the kernel would read them.
    pub fn translates_guests(&mut self) -> Result<bool, Error> {
        Ok(self.csr(csr::HGATP)?.is_some_and(|hgatp| hgatp != 0))
    }

    /// A CSR that the machine may not have.
    pub fn csr(&mut self, register: Register) -> Result<Option<u64>, Error> {
        optional(self.machine.read_register(register))
    }
}
