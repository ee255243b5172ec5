//! Conversions between formats, and between numbers and integers. It does not know registers.

use rustc_apfloat::ieee::IeeeFloat;
use rustc_apfloat::{Float, FloatConvert, Round, Status};

use super::native::Native;
use super::{Double, FloatResult, Format, Single, finish, flag, flags, nan_operand};
use crate::embedded::hart::decode::{CONSTANTS, Integer};

const TWO_TO_31: f64 = 2_147_483_648.0;

pub fn single_to_double(bits: u64) -> FloatResult {
    if Single::is_nan(bits) {
        let invalid = if Single::is_signalling(bits) { flag::INVALID } else { 0 };
        return FloatResult { bits: Double::CANONICAL_NAN, flags: invalid };
    }
    // Each single is a double.
    FloatResult::exact(Single::widened(bits).to_bits())
}

pub fn double_to_single(bits: u64, round: Round) -> FloatResult {
    if let Some(nan) = nan_operand::<Double>(&[bits]) {
        return FloatResult { bits: Single::CANONICAL_NAN, ..nan };
    }
    let narrowed = f64::from_bits(bits) as f32;
    if Single::widened(narrowed.to_bits().into()).to_bits() == bits {
        // Exact in each rounding mode.
        return FloatResult::exact(narrowed.to_bits().into());
    }
    let number = Double::number(bits);
    finish::<Single>(number.convert_r(round, &mut false), || number.convert_r(round, &mut false))
}

/// A value that does not fit becomes the nearest integer that fits; a NaN becomes the largest. 32-bit results are sign-extended.
pub fn to_integer<F: Format>(bits: u64, form: Integer, round: Round) -> FloatResult {
    let (width, signed) = match form {
        Integer::Word => (32, true),
        Integer::UnsignedWord => (32, false),
        Integer::Doubleword => (64, true),
        Integer::UnsignedDoubleword => (64, false),
    };
    if let Some(known) = to_integer_by_host::<F>(bits, (width, signed), round) {
        return known;
    }
    let number = F::number(bits);
    let (value, status) = if F::is_nan(bits) {
        let largest = if signed { i128::MAX as u128 >> (128 - width) } else { u128::MAX >> (128 - width) };
        (largest as u64, Status::INVALID_OP)
    } else if signed {
        let rounded = number.to_i128_r(width, round, &mut false);
        (rounded.value as u64, rounded.status)
    } else {
        let rounded = number.to_u128_r(width, round, &mut false);
        (rounded.value as u64, rounded.status)
    };
    let bits = if width == 32 { value as i32 as u64 } else { value };
    FloatResult { bits, flags: flags(status) }
}

/// The lowest 32 bits of the integer part, sign-extended; 0 of what has none. The flags are those of a conversion to a word
/// (unprivileged manual, "Zfa").
pub fn to_word_modulo(bits: u64) -> FloatResult {
    let flags = to_integer::<Double>(bits, Integer::Word, Round::TowardZero).flags;
    let exponent = ((bits & Double::EXPONENT) >> Double::FRACTION_BITS) as i32;
    let significand = bits & Double::FRACTION | Double::MIN_NORMAL;
    let shift = exponent - 1023 - Double::FRACTION_BITS as i32;
    // What is shifted by more has no bit left: numbers below 1, multiples of 2^32, infinities and NaNs.
    let magnitude = match shift {
        0..=31 => significand << shift,
        -52..=-1 => significand >> -shift,
        _ => 0,
    };
    let word = if bits & Double::SIGN != 0 { magnitude.wrapping_neg() } else { magnitude };
    FloatResult { bits: word as i32 as u64, flags }
}

/// The nearest integer by this rounding mode, in the same format. Inexact is told of only by `froundnx`.
pub fn to_integral<F: Format>(bits: u64, round: Round, tells_inexact: bool) -> FloatResult {
    if let Some(nan) = nan_operand::<F>(&[bits]) {
        return nan;
    }
    let rounded = F::number(bits).round_to_integral(round);
    FloatResult { bits: rounded.value.to_bits() as u64, flags: if tells_inexact { flags(rounded.status) } else { 0 } }
}

/// One of the numbers that `fli` loads.
pub fn constant<F: Format>(number: u8) -> u64 {
    let value = CONSTANTS[usize::from(number & 31)];
    match number & 31 {
        1 => F::MIN_NORMAL,
        31 => F::CANONICAL_NAN,
        _ => {
            let exact: IeeeFloat<F::Semantics> = Double::number(value.to_bits()).convert(&mut false).value;
            exact.to_bits() as u64
        }
    }
}

/// Towards zero, and exact results in each mode, where the result fits.
#[inline(always)]
fn to_integer_by_host<F: Format>(bits: u64, (width, signed): (usize, bool), round: Round) -> Option<FloatResult> {
    let number = F::widened(bits);
    let lowest = if signed { -TWO_TO_31 } else { 0.0 };
    let end = match width {
        32 if signed => TWO_TO_31,
        32 => 2.0 * TWO_TO_31,
        _ => TWO_TO_31 * TWO_TO_31,
    };
    // A NaN is not within them either.
    if !(number >= lowest * if width == 32 { 1.0 } else { TWO_TO_31 } && number < end) {
        return None;
    }
    let value = number as i64;
    let flags = if value as f64 == number { 0 } else { flag::INEXACT };
    let bits = if width == 32 { value as i32 as u64 } else { value as u64 };
    (flags == 0 || round == Round::TowardZero).then_some(FloatResult { bits, flags })
}

pub fn from_integer<F: Format>(value: u64, form: Integer, round: Round) -> FloatResult {
    let wide = match form {
        Integer::Word => i128::from(value as i32),
        Integer::UnsignedWord => i128::from(value as u32),
        Integer::Doubleword => i128::from(value as i64),
        Integer::UnsignedDoubleword => i128::from(value),
    };
    if wide.unsigned_abs() <= u128::from(2 * F::MIN_NORMAL) {
        // Exact in each rounding mode.
        return FloatResult::exact(F::from_integer(wide as i64));
    }
    let number = IeeeFloat::<F::Semantics>::from_i128_r(wide, round);
    FloatResult { bits: number.value.to_bits() as u64, flags: flags(number.status) }
}
