//! gdbstub's `SingleRegisterAccess`: every register by its number, those that the `g` packet has not among them.

use gdbstub::target::ext::base::single_register_access::SingleRegisterAccess;
use gdbstub::target::{TargetError, TargetResult};

use super::base::refusal;
use super::target::GdbTarget;
use crate::machine::{Machine, Register};

impl SingleRegisterAccess<()> for GdbTarget {
    fn read_register(&mut self, (): (), register: Register, buffer: &mut [u8]) -> TargetResult<usize, Self> {
        let value = self.machine.read_register(register).map_err(refusal)?.to_le_bytes();
        // gdbstub has cut the buffer to the register's size: 8 bytes, and 1 for the privilege.
        let length = buffer.len().min(value.len());
        buffer[..length].copy_from_slice(&value[..length]);
        Ok(length)
    }

    fn write_register(&mut self, (): (), register: Register, bytes: &[u8]) -> TargetResult<(), Self> {
        let size = if matches!(register, Register::Priv) { 1 } else { 8 };
        if bytes.len() != size {
            return Err(TargetError::Errno(22));
        }
        let mut value = [0; 8];
        value[..size].copy_from_slice(bytes);
        self.machine.write_register(register, u64::from_le_bytes(value)).map_err(refusal)
    }
}
