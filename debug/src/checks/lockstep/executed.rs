//! One instruction, as both machines executed it. It does not know what came of it.

use super::state::State;
use crate::machine::Register;
use crate::machine::quirk::csr_of;
use crate::riscv::Effect;

/// One instruction, as both executed it.
pub struct Executed<'a> {
    /// What it began with, on both.
    pub before: &'a State,
    pub bytes: &'a [u8],
    pub effect: Effect,
}

impl Executed<'_> {
    /// Its bits; of a compressed one the low half.
    pub fn bits(&self) -> u32 {
        match *self.bytes {
            [low, high, ..] if low & 3 != 3 => u16::from_le_bytes([low, high]).into(),
            [one, two, three, four] => u32::from_le_bytes([one, two, three, four]),
            _ => 0,
        }
    }

    /// Whether it is one of Zicsr that names this CSR.
    pub fn reads(&self, register: Register) -> bool {
        csr_of(self.bits()).is_some_and(|number| Register::Csr(number) == register)
    }

    /// Where an instruction of Zicsr puts what it reads.
    pub fn destination(&self) -> Register {
        Register::Gpr((self.bits() >> 7 & 31) as u8)
    }
}
