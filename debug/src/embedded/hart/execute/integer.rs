//! Integer arithmetic of RV32I, RV64I and M: two numbers in, one out. It does not know registers.

use super::base::Base;
use crate::riscv::Xlen;

/// What an instruction computes, whether its second operand is a register or an immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    Add,
    Subtract,
    ShiftLeft,
    SetLess,
    SetLessUnsigned,
    Xor,
    ShiftRight,
    ShiftRightArithmetic,
    Or,
    And,
    AddWord,
    SubtractWord,
    ShiftLeftWord,
    ShiftRightWord,
    ShiftRightArithmeticWord,
    Multiply,
    MultiplyHigh,
    MultiplyHighSignedUnsigned,
    MultiplyHighUnsigned,
    Divide,
    DivideUnsigned,
    Remainder,
    RemainderUnsigned,
    MultiplyWord,
    DivideWord,
    DivideUnsignedWord,
    RemainderWord,
    RemainderUnsignedWord,
}

impl Alu {
    /// On RV32 the result has zeros above its 32 bits.
    #[inline(always)]
    pub fn compute<B: Base>(self, a: u64, b: u64) -> u64 {
        match B::XLEN {
            Xlen::Rv32 => self.of_words(a as u32, b as u32).into(),
            Xlen::Rv64 => self.of_doublewords(a, b),
        }
    }

    /// Most are what doublewords give that hold the signed numbers; the others have a form for words on RV64.
    #[inline(always)]
    fn of_words(self, a: u32, b: u32) -> u32 {
        let alu = match self {
            Alu::ShiftLeft => Alu::ShiftLeftWord,
            Alu::ShiftRight => Alu::ShiftRightWord,
            Alu::ShiftRightArithmetic => Alu::ShiftRightArithmeticWord,
            Alu::DivideUnsigned => Alu::DivideUnsignedWord,
            Alu::RemainderUnsigned => Alu::RemainderUnsignedWord,
            Alu::MultiplyHigh => return ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32,
            Alu::MultiplyHighSignedUnsigned => return ((i64::from(a as i32) * i64::from(b)) >> 32) as u32,
            Alu::MultiplyHighUnsigned => return ((u64::from(a) * u64::from(b)) >> 32) as u32,
            other => other,
        };
        alu.of_doublewords(word(a), word(b)) as u32
    }

    /// Shifts use the low bits of `b`; words are sign-extended; division by zero and overflow give what the manual says
    /// (table "Semantics for division by zero and division overflow").
    #[inline(always)]
    fn of_doublewords(self, a: u64, b: u64) -> u64 {
        let (signed_a, signed_b) = (a as i64, b as i64);
        let (word_a, word_b) = (a as u32, b as u32);
        match self {
            Alu::Add => a.wrapping_add(b),
            Alu::Subtract => a.wrapping_sub(b),
            Alu::ShiftLeft => a.wrapping_shl(word_b),
            Alu::SetLess => (signed_a < signed_b).into(),
            Alu::SetLessUnsigned => (a < b).into(),
            Alu::Xor => a ^ b,
            Alu::ShiftRight => a.wrapping_shr(word_b),
            Alu::ShiftRightArithmetic => signed_a.wrapping_shr(word_b) as u64,
            Alu::Or => a | b,
            Alu::And => a & b,
            Alu::AddWord => word(word_a.wrapping_add(word_b)),
            Alu::SubtractWord => word(word_a.wrapping_sub(word_b)),
            Alu::ShiftLeftWord => word(word_a.wrapping_shl(word_b)),
            Alu::ShiftRightWord => word(word_a.wrapping_shr(word_b)),
            Alu::ShiftRightArithmeticWord => (word_a as i32).wrapping_shr(word_b) as u64,
            Alu::Multiply => a.wrapping_mul(b),
            Alu::MultiplyHigh => ((i128::from(signed_a) * i128::from(signed_b)) >> 64) as u64,
            Alu::MultiplyHighSignedUnsigned => ((i128::from(signed_a) * i128::from(b)) >> 64) as u64,
            Alu::MultiplyHighUnsigned => ((u128::from(a) * u128::from(b)) >> 64) as u64,
            Alu::Divide => {
                if b == 0 {
                    u64::MAX
                } else {
                    signed_a.wrapping_div(signed_b) as u64
                }
            }
            Alu::DivideUnsigned => a.checked_div(b).unwrap_or(u64::MAX),
            Alu::Remainder => {
                if b == 0 {
                    a
                } else {
                    signed_a.wrapping_rem(signed_b) as u64
                }
            }
            Alu::RemainderUnsigned => a.checked_rem(b).unwrap_or(a),
            Alu::MultiplyWord => word(word_a.wrapping_mul(word_b)),
            Alu::DivideWord => {
                if word_b == 0 {
                    u64::MAX
                } else {
                    (word_a as i32).wrapping_div(word_b as i32) as u64
                }
            }
            Alu::DivideUnsignedWord => word(word_a.checked_div(word_b).unwrap_or(u32::MAX)),
            Alu::RemainderWord => {
                if word_b == 0 {
                    word(word_a)
                } else {
                    (word_a as i32).wrapping_rem(word_b as i32) as u64
                }
            }
            Alu::RemainderUnsignedWord => word(word_a.checked_rem(word_b).unwrap_or(word_a)),
        }
    }
}

/// When a branch is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Equal,
    NotEqual,
    Less,
    NotLess,
    LessUnsigned,
    NotLessUnsigned,
}

impl Condition {
    #[inline(always)]
    pub fn holds<B: Base>(self, a: u64, b: u64) -> bool {
        match self {
            Condition::Equal => a == b,
            Condition::NotEqual => a != b,
            Condition::Less => B::signed(a) < B::signed(b),
            Condition::NotLess => B::signed(a) >= B::signed(b),
            Condition::LessUnsigned => a < b,
            Condition::NotLessUnsigned => a >= b,
        }
    }
}

#[inline(always)]
fn word(value: u32) -> u64 {
    value as i32 as u64
}
