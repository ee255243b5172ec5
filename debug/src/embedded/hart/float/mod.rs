//! Floating-point arithmetic of extensions F, D and Zfa, with canonical results and exact flags.
//!
//! The arithmetic is rustc_apfloat's. Of the soft-float crates it alone is pure Rust, maintained (by the Rust project, for constant
//! evaluation) and under a licence that fits: Berkeley SoftFloat's bindings need CMake, simple-soft-float is LGPL. Three
//! things are added here: RISC-V's NaNs, the square root, and underflow and overflow as RISC-V defines them. It takes some 200 cycles an
//! operation; where the host provably computes the same, flags included, the host does (`native`).
//! It does not know registers, NaN boxing or the dynamic rounding mode.

mod compare;
mod convert;
mod native;

pub use compare::{
    classify, equal, less_or_equal, less_or_equal_quiet, less_than, less_than_quiet, maximum, maximum_or_nan, minimum,
    minimum_or_nan,
};
pub use convert::{
    constant, double_to_single, from_integer, single_to_double, to_integer, to_integral, to_word_modulo,
};

use std::cmp::Ordering;

use native::Native;
use rustc_apfloat::ieee::{DoubleS, IeeeFloat, Semantics, SingleS};
use rustc_apfloat::{Category, Float, FloatConvert, Round, Status, StatusAnd};

/// Accrued exception flags, as fflags has them.
pub mod flag {
    pub const INEXACT: u8 = 1;
    pub const UNDERFLOW: u8 = 2;
    pub const OVERFLOW: u8 = 4;
    pub const DIVISION_BY_ZERO: u8 = 8;
    pub const INVALID: u8 = 16;
}

/// A result, and the flags that computing it raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatResult {
    pub bits: u64,
    pub flags: u8,
}

impl FloatResult {
    fn exact(bits: u64) -> FloatResult {
        FloatResult { bits, flags: 0 }
    }
}

/// The rounding mode with this encoding, 0 to 4 (unprivileged manual, table "Rounding mode encoding").
pub fn rounding(encoding: u8) -> Option<Round> {
    match encoding {
        0 => Some(Round::NearestTiesToEven),
        1 => Some(Round::TowardZero),
        2 => Some(Round::TowardNegative),
        3 => Some(Round::TowardPositive),
        4 => Some(Round::NearestTiesToAway),
        _ => None,
    }
}

/// One of the two formats. Values travel as bits, in the low end of 64.
pub trait Format: Native {
    type Semantics: Semantics;
    /// The same precision with so many exponents that nothing underflows.
    type Unbounded: Semantics;
    const SIGN: u64;
    const EXPONENT: u64;
    const FRACTION: u64;
    const FRACTION_BITS: u32;

    /// The smallest positive normal number.
    const MIN_NORMAL: u64 = Self::FRACTION + 1;
    /// The highest bit of the fraction: set in quiet NaNs, clear in signalling ones.
    const QUIET: u64 = Self::MIN_NORMAL >> 1;
    const CANONICAL_NAN: u64 = Self::EXPONENT | Self::QUIET;

    fn is_nan(bits: u64) -> bool {
        bits & !Self::SIGN > Self::EXPONENT
    }

    fn is_signalling(bits: u64) -> bool {
        Self::is_nan(bits) && bits & Self::QUIET == 0
    }

    fn number(bits: u64) -> IeeeFloat<Self::Semantics> {
        Self::Semantics::from_bits(bits.into())
    }
}

/// binary32.
pub enum Single {}

impl Format for Single {
    type Semantics = SingleS;
    type Unbounded = UnboundedSingle;
    const SIGN: u64 = 1 << 31;
    const EXPONENT: u64 = 0xff << 23;
    const FRACTION: u64 = (1 << 23) - 1;
    const FRACTION_BITS: u32 = 23;
}

/// binary64.
pub enum Double {}

impl Format for Double {
    type Semantics = DoubleS;
    type Unbounded = UnboundedDouble;
    const SIGN: u64 = 1 << 63;
    const EXPONENT: u64 = 0x7ff << 52;
    const FRACTION: u64 = (1 << 52) - 1;
    const FRACTION_BITS: u32 = 52;
}

/// Fifteen exponent bits hold every product and quotient of two doubles.
pub struct UnboundedSingle;

impl Semantics for UnboundedSingle {
    const BITS: usize = 32 + 7;
    const EXP_BITS: usize = 15;
}

pub struct UnboundedDouble;

impl Semantics for UnboundedDouble {
    const BITS: usize = 64 + 4;
    const EXP_BITS: usize = 15;
}

/// Operations of two operands that round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Arithmetic {
    fn compute<F: Float>(self, first: F, second: F, round: Round) -> StatusAnd<F> {
        match self {
            Arithmetic::Add => first.add_r(second, round),
            Arithmetic::Subtract => first.sub_r(second, round),
            Arithmetic::Multiply => first.mul_r(second, round),
            Arithmetic::Divide => first.div_r(second, round),
        }
    }
}

#[inline(always)]
pub fn arithmetic<F: Format>(operation: Arithmetic, first: u64, second: u64, round: Round) -> FloatResult {
    let by_host = match operation {
        _ if round != Round::NearestTiesToEven => None,
        Arithmetic::Add => F::add(first, second),
        Arithmetic::Subtract => F::add(first, second ^ F::SIGN),
        Arithmetic::Multiply => F::multiply(first, second),
        Arithmetic::Divide => F::divide(first, second),
    };
    by_host.unwrap_or_else(|| arithmetic_without_host::<F>(operation, first, second, round))
}

#[inline(never)]
fn arithmetic_without_host<F: Format>(operation: Arithmetic, first: u64, second: u64, round: Round) -> FloatResult {
    if let Some(nan) = nan_operand::<F>(&[first, second]) {
        return nan;
    }
    let (first, second) = (F::number(first), F::number(second));
    finish::<F>(operation.compute(first, second, round), || {
        operation.compute(unbounded::<F>(first), unbounded::<F>(second), round)
    })
}

/// `first * second + addend`, rounded once.
#[inline(always)]
pub fn multiply_add<F: Format>(first: u64, second: u64, addend: u64, round: Round) -> FloatResult {
    let by_host = if round == Round::NearestTiesToEven { F::multiply_add(first, second, addend) } else { None };
    by_host.unwrap_or_else(|| multiply_add_without_host::<F>(first, second, addend, round))
}

#[inline(never)]
fn multiply_add_without_host<F: Format>(first: u64, second: u64, addend: u64, round: Round) -> FloatResult {
    let magnitudes = [first & !F::SIGN, second & !F::SIGN];
    if magnitudes.contains(&0) && magnitudes.contains(&F::EXPONENT) {
        // Invalid even where the addend is a quiet NaN (unprivileged manual, "Single-Precision Floating-Point Computational
        // Instructions").
        return FloatResult { bits: F::CANONICAL_NAN, flags: flag::INVALID };
    }
    if let Some(nan) = nan_operand::<F>(&[first, second, addend]) {
        return nan;
    }
    let (first, second, addend) = (F::number(first), F::number(second), F::number(addend));
    finish::<F>(first.mul_add_r(second, addend, round), || {
        unbounded::<F>(first).mul_add_r(unbounded::<F>(second), unbounded::<F>(addend), round)
    })
}

#[inline(always)]
pub fn square_root<F: Format>(bits: u64, round: Round) -> FloatResult {
    let by_host = if round == Round::NearestTiesToEven { F::square_root(bits) } else { None };
    by_host.unwrap_or_else(|| square_root_without_host::<F>(bits, round))
}

#[inline(never)]
fn square_root_without_host<F: Format>(bits: u64, round: Round) -> FloatResult {
    if let Some(nan) = nan_operand::<F>(&[bits]) {
        return nan;
    }
    if bits & !F::SIGN == 0 || bits == F::EXPONENT {
        return FloatResult::exact(bits);
    }
    if bits & F::SIGN != 0 {
        return FloatResult { bits: F::CANONICAL_NAN, flags: flag::INVALID };
    }
    // bits = significand * 2^exponent. Widened to at least 114 bits, with an even exponent, its integer root has 57: more
    // than a double's 53, and one more bit, set when the root is not exact, makes every rounding of it right.
    let biased = ((bits & F::EXPONENT) >> F::FRACTION_BITS).max(1) as i32;
    let leading_one = if bits & F::EXPONENT == 0 { 0 } else { F::MIN_NORMAL };
    let significand = u128::from(bits & F::FRACTION | leading_one);
    let bias = (F::EXPONENT >> F::FRACTION_BITS >> 1) as i32;
    let exponent = biased - bias - F::FRACTION_BITS as i32;
    let shift = significand.leading_zeros() as i32 - 14;
    let shift = shift + ((exponent - shift) & 1);
    let square = significand << shift;
    let root = square.isqrt();
    let inexact = u128::from(root * root != square);
    let rounded = IeeeFloat::<F::Semantics>::from_u128_r(root << 1 | inexact, round);
    let value = rounded.value.scalbn((exponent - shift) / 2 - 1);
    FloatResult { bits: value.to_bits() as u64, flags: flags(rounded.status) }
}

/// The result of an operation with a NaN operand: the canonical NaN, and invalid if an operand is signalling.
fn nan_operand<F: Format>(operands: &[u64]) -> Option<FloatResult> {
    let any = operands.iter().any(|bits| F::is_nan(*bits));
    let signalling = operands.iter().any(|bits| F::is_signalling(*bits));
    any.then_some(FloatResult { bits: F::CANONICAL_NAN, flags: if signalling { flag::INVALID } else { 0 } })
}

fn unbounded<F: Format>(number: IeeeFloat<F::Semantics>) -> IeeeFloat<F::Unbounded> {
    number.convert(&mut false).value
}

/// A result as RISC-V gives it, with two flags that rustc_apfloat raises by other rules.
///
/// Underflow: it calls a result tiny when it is subnormal after rounding to the precision that subnormals have. RISC-V asks whether
/// it would be tiny with the full precision and unbounded exponents (unprivileged manual, "F" Standard Extension). They differ only
/// where rounding led up to the smallest normal number. Overflow: it does not call it one where rounding leads back to the largest
/// number. In both cases `again` computes it with unbounded exponents.
fn finish<F: Format>(
    result: StatusAnd<IeeeFloat<F::Semantics>>,
    again: impl FnOnce() -> StatusAnd<IeeeFloat<F::Unbounded>>,
) -> FloatResult {
    if result.value.category() == Category::NaN {
        return FloatResult { bits: F::CANONICAL_NAN, flags: flags(result.status) };
    }
    let bits = result.value.to_bits() as u64;
    let mut flags = flags(result.status);
    let limit = bits & !F::SIGN;
    if flags == flag::INEXACT && (limit == F::MIN_NORMAL || limit == F::EXPONENT - 1) {
        match again().value.cmp_abs_normal(unbounded::<F>(F::number(limit))) {
            Ordering::Less if limit == F::MIN_NORMAL => flags |= flag::UNDERFLOW,
            Ordering::Greater if limit != F::MIN_NORMAL => flags |= flag::OVERFLOW,
            _ => {}
        }
    }
    FloatResult { bits, flags }
}

fn flags(status: Status) -> u8 {
    let pairs = [
        (Status::INEXACT, flag::INEXACT),
        (Status::UNDERFLOW, flag::UNDERFLOW),
        (Status::OVERFLOW, flag::OVERFLOW),
        (Status::DIV_BY_ZERO, flag::DIVISION_BY_ZERO),
        (Status::INVALID_OP, flag::INVALID),
    ];
    pairs.iter().filter(|(raised, _)| status.contains(*raised)).map(|(_, flag)| flag).sum()
}
