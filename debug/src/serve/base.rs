//! gdbstub's `SingleThreadBase` and `SingleRegisterAccess`: the hart's registers, and memory through its page table.

use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::base::singlethread::{SingleThreadBase, SingleThreadResumeOps};
use gdbstub::target::{TargetError, TargetResult};

use super::arch::{WireRegister, WireRegisters};
use super::target::GdbTarget;
use crate::machine::{Address, Error, Machine, Register};

/// EFAULT and EINVAL: GDB reports "Cannot access memory", or that the write failed.
const FAULT: u8 = 14;
const INVALID: u8 = 22;

/// An access that the machine refuses must not end the client's connection.
pub(super) fn refusal<E>(_: Error) -> TargetError<E> {
    TargetError::Errno(INVALID)
}

impl SingleThreadBase for GdbTarget {
    fn read_registers(&mut self, wire: &mut WireRegisters) -> TargetResult<(), Self> {
        let registers = self.registers().map_err(refusal)?;
        *wire = WireRegisters { xlen: self.machine.isa().xlen, registers };
        Ok(())
    }

    fn write_registers(&mut self, wire: &WireRegisters) -> TargetResult<(), Self> {
        if wire.xlen != self.machine.isa().xlen {
            return Err(TargetError::Errno(INVALID));
        }
        let registers = &wire.registers;
        // First, because the machine may refuse it.
        self.set_register(Register::Pc, registers.pc).map_err(refusal)?;
        for (number, value) in (0..).zip(registers.x) {
            self.machine.write_register(Register::Gpr(number), value).map_err(refusal)?;
        }
        Ok(())
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, (), Self>> {
        Some(self)
    }

    /// Reads all bytes or returns an error. GDB may not notice a short reply, and takes an empty one for an unsupported packet.
    fn read_addrs(&mut self, start: u64, bytes: &mut [u8]) -> TargetResult<usize, Self> {
        if self.memory(start, bytes).is_err() {
            let is_physical = self.is_physical(start, bytes.len() as u64);
            let read = is_physical.then(|| self.machine.read_physical(Address(start), bytes));
            read.and_then(Result::ok).ok_or(TargetError::Errno(FAULT))?;
        }
        Ok(bytes.len())
    }

    fn write_addrs(&mut self, start: u64, bytes: &[u8]) -> TargetResult<(), Self> {
        let written = match self.is_physical(start, bytes.len() as u64) {
            true => self.machine.write_physical(Address(start), bytes),
            false => self.machine.write_memory(Address(start), bytes),
        };
        written.map_err(|_| TargetError::Errno(FAULT))
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl SingleRegisterAccess<()> for GdbTarget {
    fn read_register(&mut self, (): (), id: WireRegister, buffer: &mut [u8]) -> TargetResult<usize, Self> {
        let value = match id {
            WireRegister::Ours(register) => self.register(register).map_err(refusal)?,
            WireRegister::V => u64::from(!self.in_rom && self.machine.is_in_guest()),
        };
        let length = id.size(self.machine.isa().xlen);
        let room = buffer.get_mut(..length).ok_or(TargetError::Errno(INVALID))?;
        room.copy_from_slice(&value.to_le_bytes()[..length]);
        Ok(length)
    }

    fn write_register(&mut self, (): (), id: WireRegister, bytes: &[u8]) -> TargetResult<(), Self> {
        let size = id.size(self.machine.isa().xlen);
        if bytes.len() != size {
            return Err(TargetError::Errno(INVALID));
        }
        let mut value = [0; 8];
        value[..size].copy_from_slice(bytes);
        match (id, u64::from_le_bytes(value)) {
            (WireRegister::Ours(register), value) => self.set_register(register, value).map_err(refusal),
            (WireRegister::V, value @ 0..=1) if self.machine.set_in_guest(value == 1) => Ok(()),
            (WireRegister::V, _) => Err(TargetError::Errno(INVALID)),
        }
    }
}
