//! A write to the trap vector: what was written, and what the register then holds. It does not know what the vector points to.

use super::super::hart_trace::STORM;
use super::super::machine_mode;
use super::{Mark, Passed};
use crate::checks::boot_run::{BootRun, PATIENCE};
use crate::machine::{Address, Error, HartEvent, Registers, csr};
use crate::riscv;

/// How an instruction writes the trap vector of S-mode or of M-mode.
pub(super) fn vector_write_of(operation: &riscv::Operation) -> Option<riscv::CsrAccess> {
    operation.write_of(csr::STVEC).or_else(|| operation.write_of(csr::MTVEC))
}

impl BootRun<'_> {
    /// Executes the write, and tells what the register then holds.
    pub(super) fn vector_write(&mut self, registers: &Registers) -> Result<Passed, Error> {
        let pc = Address(registers.pc);
        let Some(operation) = riscv::decode(self.image.xlen(), &self.instruction(pc)?) else { return Ok(Passed::On) };
        let Some(access) = vector_write_of(&operation) else { return Ok(Passed::On) };
        let source = operation.rs1;
        let value = if access.source_is_number { source.into() } else { registers.x[usize::from(source)] };
        let old = self.machine.read_register(csr::STVEC)?;
        if self.step(1, PATIENCE)?.0 == 0 {
            return Ok(Passed::On);
        }
        if Address(self.machine.registers()?.pc) != pc + 4 {
            // It trapped.
            return Ok(Passed::Stepped);
        }
        let written = access.change.written(old, value);
        let mut held = self.machine.read_register(csr::STVEC)?;
        // A hart in M-mode shows mtvec for it: what it sets there for S-mode is not seen before it is there.
        let shows_mtvec = machine_mode::starts_there(self.image, self.layout.entry)
            && operation.write_of(csr::STVEC).is_some()
            && self.machine.read_register(csr::MTVEC).is_ok_and(|mtvec| mtvec == held);
        if shows_mtvec {
            held = written;
        }
        self.marks.clock += STORM;
        self.hart.event(&HartEvent::VectorWrite { icount: self.marks.clock, pc, written, held });
        self.marks.trapped_since_vector = false;
        self.marks.remove(self.machine, Mark::Handler)?;
        self.marks.traps_left = 0;
        self.tell_traps()?;
        Ok(Passed::Stepped)
    }
}
