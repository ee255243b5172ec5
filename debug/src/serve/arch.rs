//! The hart as gdbstub knows it: gdbstub_arch's registers by their numbers, and V, which that crate does not have.

use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId};
use gdbstub_arch::riscv::reg::id::RiscvRegId;

use crate::machine::{Register, Registers};
use crate::riscv::Xlen;

/// The number of V, behind gdbstub_arch's last one.
pub const V_NUMBER: usize = 4162;

/// RV32, or RV64 with the extension H: addresses are told with 64 bits in either case.
pub enum Hart {}

/// x0 to x31 and pc, each of the hart's width on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WireRegisters {
    pub xlen: Xlen,
    pub registers: Registers,
}

/// A register that GDB asks for.
#[derive(Clone, Copy, Debug)]
pub enum WireRegister {
    Ours(Register),
    /// V, in one byte.
    V,
}

impl Arch for Hart {
    type Usize = u64;
    type Registers = WireRegisters;
    type BreakpointKind = usize;
    type RegId = WireRegister;
}

impl gdbstub::arch::Registers for WireRegisters {
    type ProgramCounter = u64;

    fn pc(&self) -> u64 {
        self.registers.pc
    }

    fn gdb_serialize(&self, write_byte: impl FnMut(Option<u8>)) {
        let values = self.registers.x.iter().chain([&self.registers.pc]);
        let bytes = values.flat_map(|value| value.to_le_bytes().into_iter().take(self.xlen.bytes()));
        bytes.map(Some).for_each(write_byte);
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let count = self.registers.x.len() + 1;
        let fits = |xlen: &Xlen| bytes.len() == count * xlen.bytes();
        self.xlen = [Xlen::Rv32, Xlen::Rv64].into_iter().find(fits).ok_or(())?;
        let values = bytes.chunks_exact(self.xlen.bytes()).map(|bytes| self.xlen.read(bytes));
        let places = self.registers.x.iter_mut().chain([&mut self.registers.pc]);
        places.zip(values).for_each(|(place, value)| *place = value);
        Ok(())
    }
}

impl WireRegister {
    /// Its bytes on the wire.
    pub fn size(self, xlen: Xlen) -> usize {
        match self {
            WireRegister::V | WireRegister::Ours(Register::Priv) => 1,
            WireRegister::Ours(Register::Fpr(_)) => 8,
            WireRegister::Ours(_) => xlen.bytes(),
        }
    }
}

/// The width, and with it a register's size, is the target's concern.
impl RegId for WireRegister {
    fn from_raw_id(number: usize) -> Option<(WireRegister, Option<NonZeroUsize>)> {
        if number == V_NUMBER {
            return Some((WireRegister::V, None));
        }
        let (id, _) = RiscvRegId::<u64>::from_raw_id(number)?;
        let register = match id {
            RiscvRegId::Gpr(number) => Register::Gpr(number),
            RiscvRegId::Fpr(number) => Register::Fpr(number),
            RiscvRegId::Pc => Register::Pc,
            RiscvRegId::Csr(number) => Register::Csr(number),
            RiscvRegId::Priv => Register::Priv,
            _ => return None,
        };
        Some((WireRegister::Ours(register), None))
    }
}
