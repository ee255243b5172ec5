//! Bit manipulation and conditional zeroing: numbers in, one out (unprivileged manual, "B" and "Zicond"). It does not know registers.

use super::base::Base;
use crate::riscv::{Bits, Xlen};

/// The result; of those with one source, `b` does not count. A number that the instruction holds comes as `b`.
pub fn compute<B: Base>(bits: Bits, a: u64, b: u64) -> u64 {
    let low = u64::from(a as u32);
    let width = B::XLEN.bits();
    let number = b & u64::from(width - 1);
    let bit = 1 << number;
    // What depends on where a number ends has a form for words on RV64.
    let bits = match (B::XLEN, bits) {
        (Xlen::Rv32, Bits::Rol) => Bits::Rolw,
        (Xlen::Rv32, Bits::Ror) => Bits::Rorw,
        (Xlen::Rv32, Bits::Clz) => Bits::Clzw,
        (Xlen::Rv32, Bits::Ctz) => Bits::Ctzw,
        (_, other) => other,
    };
    B::truncated(match bits {
        Bits::AddUw => low.wrapping_add(b),
        Bits::Sh1add => (a << 1).wrapping_add(b),
        Bits::Sh2add => (a << 2).wrapping_add(b),
        Bits::Sh3add => (a << 3).wrapping_add(b),
        Bits::Sh1addUw => (low << 1).wrapping_add(b),
        Bits::Sh2addUw => (low << 2).wrapping_add(b),
        Bits::Sh3addUw => (low << 3).wrapping_add(b),
        Bits::SlliUw => low << (b & 63),
        Bits::Andn => a & !b,
        Bits::Orn => a | !b,
        Bits::Xnor => !(a ^ b),
        Bits::Min => B::signed(a).min(B::signed(b)) as u64,
        Bits::Minu => a.min(b),
        Bits::Max => B::signed(a).max(B::signed(b)) as u64,
        Bits::Maxu => a.max(b),
        Bits::Rol => a.rotate_left((b & 63) as u32),
        Bits::Ror => a.rotate_right((b & 63) as u32),
        Bits::Rolw => extended((a as u32).rotate_left((b & 31) as u32)),
        Bits::Rorw => extended((a as u32).rotate_right((b & 31) as u32)),
        Bits::Clz => a.leading_zeros().into(),
        Bits::Ctz => a.trailing_zeros().into(),
        Bits::Cpop => a.count_ones().into(),
        Bits::Clzw => (a as u32).leading_zeros().into(),
        Bits::Ctzw => (a as u32).trailing_zeros().into(),
        Bits::Cpopw => (a as u32).count_ones().into(),
        Bits::SextB => a as i8 as u64,
        Bits::SextH => a as i16 as u64,
        Bits::ZextH => (a as u16).into(),
        Bits::OrcB => u64::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff })),
        Bits::Rev8 => a.swap_bytes() >> (64 - width),
        Bits::Clmul => carryless(a, b) as u64,
        Bits::Clmulr => (carryless(a, b) >> (width - 1)) as u64,
        Bits::Clmulh => (carryless(a, b) >> width) as u64,
        Bits::Bclr => a & !bit,
        Bits::Bext => a >> number & 1,
        Bits::Binv => a ^ bit,
        Bits::Bset => a | bit,
        Bits::CzeroEqz => {
            if b == 0 {
                0
            } else {
                a
            }
        }
        Bits::CzeroNez => {
            if b == 0 {
                a
            } else {
                0
            }
        }
    })
}

fn extended(word: u32) -> u64 {
    word as i32 as u64
}

/// The product of two polynomials whose coefficients are bits.
fn carryless(a: u64, b: u64) -> u128 {
    (0..64).filter(|bit| b >> bit & 1 != 0).fold(0, |product, bit| product ^ u128::from(a) << bit)
}
