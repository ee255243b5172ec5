//! The integer registers that an instruction reads and writes. It does not know their values.

use super::{Float, Kind, Operation};

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

/// Registers that an instruction reads and writes, a bit each: x0 to x31, then f0 to f31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Those whose values it uses.
    pub reads: u64,
    /// Those that it overwrites.
    pub writes: u64,
}

impl Operation {
    /// The registers that it reads and writes. Those of a call to whom it calls are not known here.
    pub fn uses(&self) -> Uses {
        let (x, f) = (|number: u8| 1 << number, |number: u8| 1 << 32 << number);
        let (one, two) = (x(self.rs1), x(self.rs1) | x(self.rs2));
        let reads = match self.kind {
            Kind::Beq | Kind::Bne | Kind::Blt | Kind::Bge | Kind::Bltu | Kind::Bgeu => two,
            Kind::Sb | Kind::Sh | Kind::Sw | Kind::Sd => two,
            Kind::Flw | Kind::Fld | Kind::CacheBlock(_) => one,
            Kind::Fsw | Kind::Fsd => one | f(self.rs2),
            Kind::LoadReserved(_) => one,
            Kind::StoreConditional(_) | Kind::Atomic(..) => two,
            Kind::Csr(access) if access.source_is_number => 0,
            Kind::Csr(_) => one,
            Kind::Guest(access) => {
                if access.store {
                    two
                } else {
                    one
                }
            }
            Kind::Float(Float::MoveFromInteger | Float::FromInteger(_), _) => one,
            Kind::Float(float, _) => {
                let third = if float.has_three_sources() { f(self.rs3() as u8) } else { 0 };
                let second = if float.has_two_sources() { f(self.rs2) } else { 0 };
                if float == Float::Constant { 0 } else { f(self.rs1) | second | third }
            }
            // The destination may be x0, of which there are no operands.
            _ => Operation { rd: 1, ..*self }
                .operands()
                .map_or(0, |operands| operands.sources.into_iter().fold(0, |reads, source| reads | x(source))),
        };
        let of_integer = self.operands().map_or(0, |operands| x(operands.destination));
        let of_float = if self.kind.writes_float() { f(self.rd) } else { 0 };
        Uses { reads: reads & !1, writes: of_integer | of_float }
    }
}

impl Float {
    fn has_three_sources(self) -> bool {
        use Float::*;
        matches!(self, MultiplyAdd | MultiplySubtract | NegatedMultiplySubtract | NegatedMultiplyAdd)
    }

    fn has_two_sources(self) -> bool {
        use Float::*;
        let computes = matches!(self, Add | Subtract | Multiply | Divide | CopySign | CopyNegatedSign | XorSign);
        let compares = matches!(self, Minimum | Maximum | MinimumOrNan | MaximumOrNan | Equal | LessThan | LessOrEqual);
        self.has_three_sources() || computes || compares || matches!(self, LessOrEqualQuiet | LessThanQuiet)
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
    fn the_registers_that_are_read_and_written() {
        let uses = |bits: u32| decode(Xlen::Rv64, &bits.to_le_bytes()).unwrap().uses();
        let (x, f) = (|number: u32| 1u64 << number, |number: u32| 1u64 << (32 + number));
        assert_eq!(uses(0x0051_3023), Uses { reads: x(2) | x(5), writes: 0 }); // sd t0, 0(sp)
        assert_eq!(uses(0x00b5_0533), Uses { reads: x(10) | x(11), writes: x(10) }); // add a0, a0, a1
        assert_eq!(uses(0x000f_8067), Uses { reads: x(31), writes: 0 }); // jr t6
        assert_eq!(uses(0x0200_7053), Uses { reads: f(0), writes: f(0) }); // fadd.d ft0, ft0, ft0
        assert_eq!(uses(0x0005_3007), Uses { reads: x(10), writes: f(0) }); // fld ft0, 0(a0)
        assert_eq!(uses(0xf200_0053), Uses { reads: 0, writes: f(0) }); // fmv.d.x ft0, zero
        assert_eq!(uses(0x1001_6073), Uses { reads: 0, writes: 0 }); // csrsi sstatus, 2
        assert_eq!(uses(0x0000_0073), Uses::default()); // ecall
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
