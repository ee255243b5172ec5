//! The software interrupt of M-mode: a word of the CLINT that any hart may write, and the bit of mip that shows it. To a hart that asks for it
//! it is as a flag in memory. It does not judge.
//!
//! Source: the RISC-V privileged manual, section on mip and mie; RISC-V ACLINT specification, "Machine-level Software Interrupt Device".

use super::event::Spin;
use super::{BootRun, machine_mode};
use crate::machine::{Address, Error, csr};
use crate::riscv::status::interrupt;
use crate::riscv::{self, Computation, Kind, Operation, board};

/// In bytes.
const WORD: u64 = 4;

impl BootRun<'_> {
    /// The word that the instruction at `pc` asks for: it reads mip, and the next instruction keeps only the bit of the software interrupt.
    pub(super) fn asked_software_interrupt(
        &mut self,
        pc: Address,
        operation: &Operation,
    ) -> Result<Option<Spin>, Error> {
        let reads = |number| riscv::Register::Csr(number) == csr::MIP;
        let Some(read) =
            operation.operands().filter(|read| matches!(read.computation, Computation::Csr(csr) if reads(csr)))
        else {
            return Ok(None);
        };
        if operation.write_of(csr::MIP).is_some() || !machine_mode::starts_there(self.image, self.layout.entry) {
            return Ok(None);
        }
        let Ok(bytes) = self.instruction(pc + u64::from(operation.length)) else { return Ok(None) };
        let keeps = riscv::decode(self.image.xlen(), &bytes).is_some_and(|next| {
            let kept = next.immediate as u64 & !interrupt::MACHINE_SOFTWARE;
            next.kind == Kind::Andi && next.rs1 == read.destination && next.rd == read.destination && kept == 0
        });
        let Some(hart) = self.csr(csr::MHARTID)?.filter(|_| keeps) else { return Ok(None) };
        Ok(Some(Spin::new(pc, Address(board::CLINT + WORD * hart), WORD as u8, false)))
    }
}
