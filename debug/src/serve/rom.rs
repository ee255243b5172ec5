//! The reset ROM, in which the machine starts, as on QEMU. It has one instruction, which enters the kernel.
//!
//! The server has it so that debuggers can start as on QEMU, with `tbreak *boot` and `continue`. It is not in the instruction count:
//! 0 is `boot`. Going back in time ends there.

use super::target::GdbTarget;
use crate::machine::{Address, Machine, Register, Registers};
use crate::riscv::status::MACHINE_MODE;

/// Where the hart starts (QEMU, hw/riscv/virt.c).
const START: u64 = 0x1000;
const SIZE: u64 = 0x1000;
/// `mret`. All other bytes of the ROM are zero.
const CODE: [u8; 4] = 0x3020_0073_u32.to_le_bytes();

impl GdbTarget {
    /// The registers as the client sees them.
    pub(super) fn registers(&mut self) -> Result<Registers, crate::machine::Error> {
        let mut registers = self.machine.registers()?;
        if self.in_rom {
            registers.pc = START;
        }
        Ok(registers)
    }

    /// One register as the client sees it.
    pub(super) fn register(&mut self, register: Register) -> Result<u64, crate::machine::Error> {
        match register {
            Register::Pc if self.in_rom => Ok(START),
            Register::Priv if self.in_rom => Ok(MACHINE_MODE),
            _ => self.machine.read_register(register),
        }
    }

    /// Sets a register. If pc is set to another address, the hart leaves the ROM.
    pub(super) fn set_register(&mut self, register: Register, value: u64) -> Result<(), crate::machine::Error> {
        if matches!(register, Register::Pc) && self.in_rom {
            if value == START {
                return Ok(());
            }
            self.machine.write_register(register, value)?;
            self.in_rom = false;
            return Ok(());
        }
        self.machine.write_register(register, value)
    }

    /// Reads memory, or the ROM if the machine has no memory there.
    pub(super) fn memory(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), crate::machine::Error> {
        let read = self.machine.read_memory(Address(start), bytes);
        let inside = START <= start && start.saturating_add(bytes.len() as u64) <= START + SIZE;
        if read.is_ok() || !inside {
            return read;
        }
        for (address, byte) in (start..).zip(bytes) {
            *byte = CODE.get((address - START) as usize).copied().unwrap_or(0);
        }
        Ok(())
    }
}
