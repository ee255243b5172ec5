//! Where the values in the registers come from, as far as sp is judged by it: the hart's number, or a gp that nobody has set.
//!
//! It follows the instructions as they are executed, and does not know the registers' values.

use crate::riscv::csr::MHARTID;
use crate::riscv::{Computation, Operands, Register};

const GP: u8 = 3;

/// What a value was computed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The hart's number, or the order in which harts came: what one hart gets is not what the others get.
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
    /// At the entry, the number of the hart is in a0.
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
            // Whoever comes first draws another number than whoever comes second.
            Computation::Atomic => origin.of_hart = true,
            Computation::Csr(number) => origin.of_hart = Register::Csr(number) == MHARTID,
            _ => {}
        }
        self.registers[usize::from(operands.destination)] = origin;
    }
}
