//! Tracks where register values come from, as far as this matters for sp: the hart's id, or a gp that was never set.
//!
//! It follows the executed instructions, and does not know the registers' values.

use crate::riscv::csr::MHARTID;
use crate::riscv::{Computation, Operands, Register};

const GP: u8 = 3;

/// What a value was computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The hart's id, or the order in which harts arrived: each hart gets another value.
    pub of_hart: bool,
    /// gp as the firmware left it.
    pub of_unset_gp: bool,
}

impl Origin {
    fn and(self, other: Origin) -> Origin {
        Origin { of_hart: self.of_hart || other.of_hart, of_unset_gp: self.of_unset_gp || other.of_unset_gp }
    }
}

pub struct Origins {
    registers: [Origin; 32],
}

impl Origins {
    /// At the entry a0 holds the hart's id.
    pub fn at_entry() -> Origins {
        let mut registers = [Origin::default(); 32];
        registers[usize::from(Register::A0)].of_hart = true;
        registers[usize::from(GP)].of_unset_gp = true;
        Origins { registers }
    }

    pub fn of_sp(&self) -> Origin {
        self.registers[usize::from(Register::SP)]
    }

    /// Follows an instruction.
    pub fn execute(&mut self, operands: &Operands) {
        let [one, other] = operands.sources.map(|source| self.registers[usize::from(source)]);
        let mut origin = one.and(other);
        match operands.computation {
            // The first hart gets another number than the second.
            Computation::Atomic => origin.of_hart = true,
            Computation::Csr(number) => origin.of_hart = Register::Csr(number) == MHARTID,
            _ => {}
        }
        self.registers[usize::from(operands.destination)] = origin;
    }
}
