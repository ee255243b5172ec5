//! The integer registers that an instruction reads and writes. It does not know their values.

use super::{Kind, Operation};

/// The registers of an instruction, and the kind of computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operands {
    /// The destination; never x0.
    pub destination: u8,
    /// The sources; x0 if there are fewer than two.
    pub sources: [u8; 2],
    /// How it is computed.
    pub computation: Computation,
}

/// How the destination is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computation {
    /// The first part of an address or a large constant: `lui`, `auipc`.
    Upper,
    /// A register plus a number.
    AddImmediate,
    /// A sum or a difference of two registers.
    AddOrSubtract,
    /// The old value in memory, of an atomic instruction; the source is the address.
    Atomic,
    /// The old value of the CSR with this number.
    Csr(u16),
    /// Anything else. The source of a load is the base of its address.
    Other,
}

impl Operation {
    /// Its operands, if it writes an integer register.
    pub fn operands(&self) -> Option<Operands> {
        let one = [self.rs1, 0];
        let (computation, sources) = match self.kind {
            Kind::Lui | Kind::Auipc => (Computation::Upper, [0; 2]),
            Kind::Jal => (Computation::Other, [0; 2]),
            Kind::Addi => (Computation::AddImmediate, one),
            Kind::Add | Kind::Sub => (Computation::AddOrSubtract, [self.rs1, self.rs2]),
            Kind::Lb | Kind::Lh | Kind::Lw | Kind::Ld | Kind::Lbu | Kind::Lhu | Kind::Lwu => (Computation::Other, one),
            Kind::Jalr | Kind::Slti | Kind::Sltiu | Kind::Xori | Kind::Ori | Kind::Andi => (Computation::Other, one),
            Kind::Slli | Kind::Srli | Kind::Srai | Kind::Addiw => (Computation::Other, one),
            Kind::Slliw | Kind::Srliw | Kind::Sraiw => (Computation::Other, one),
            Kind::LoadReserved(_) | Kind::Atomic(..) => (Computation::Atomic, one),
            Kind::StoreConditional(_) => (Computation::Other, [0; 2]),
            Kind::Csr(_) => (Computation::Csr(self.csr()), [0; 2]),
            Kind::Float(float, _) if float.writes_integer() => (Computation::Other, [0; 2]),
            Kind::Bits(bits) if !bits.is_unary() => (Computation::Other, [self.rs1, self.rs2]),
            Kind::Bits(_) | Kind::BitsImmediate(_) => (Computation::Other, one),
            Kind::Guest(access) if !access.store => (Computation::Other, one),
            kind if kind.computes_from_two() => (Computation::Other, [self.rs1, self.rs2]),
            _ => return None,
        };
        (self.rd != 0).then_some(Operands { destination: self.rd, sources, computation })
    }
}

impl Kind {
    /// Arithmetic with two integer registers, except sums and differences.
    #[rustfmt::skip]
    fn computes_from_two(self) -> bool {
        matches!(
            self,
            Kind::Sll | Kind::Slt | Kind::Sltu | Kind::Xor | Kind::Srl | Kind::Sra | Kind::Or | Kind::And
                | Kind::Addw | Kind::Subw | Kind::Sllw | Kind::Srlw | Kind::Sraw
                | Kind::Mul | Kind::Mulh | Kind::Mulhsu | Kind::Mulhu | Kind::Div | Kind::Divu | Kind::Rem | Kind::Remu
                | Kind::Mulw | Kind::Divw | Kind::Divuw | Kind::Remw | Kind::Remuw
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::riscv::{Xlen, decode};

    fn of(bits: u32) -> Option<(u8, [u8; 2], Computation)> {
        let operands = decode(Xlen::Rv64, &bits.to_le_bytes())?.operands()?;
        Some((operands.destination, operands.sources, operands.computation))
    }

    #[test]
    fn both_forms_tell_destination_and_sources() {
        assert_eq!(of(0x0010_3117), Some((2, [0, 0], Computation::Upper))); // auipc sp, 0x103
        assert_eq!(of(0xff01_0113), Some((2, [2, 0], Computation::AddImmediate))); // addi sp, sp, -16
        assert_eq!(of(0x4051_0133), Some((2, [2, 5], Computation::AddOrSubtract))); // sub sp, sp, t0
        assert_eq!(of(0x1141), Some((2, [2, 0], Computation::AddImmediate))); // c.addi sp, -16
        assert_eq!(of(0x7139), Some((2, [2, 0], Computation::AddImmediate))); // c.addi16sp sp, -64
        assert_eq!(of(0x812a), Some((2, [0, 10], Computation::AddOrSubtract))); // c.mv sp, a0
        assert_eq!(of(0x9116), Some((2, [2, 5], Computation::AddOrSubtract))); // c.add sp, t0
        assert_eq!(of(0x6142), Some((2, [2, 0], Computation::Other))); // c.ldsp sp, 16(sp)
        assert_eq!(of(0xf140_22f3), Some((5, [0, 0], Computation::Csr(0xf14)))); // csrr t0, mhartid
        assert_eq!(of(0x0051_b3af), Some((7, [3, 0], Computation::Atomic))); // amoadd.d t2, t0, (gp)
        assert_eq!(of(0x0051_3023), None); // sd t0, 0(sp)
    }
}
