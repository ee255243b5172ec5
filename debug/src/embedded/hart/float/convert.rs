//! Conversions between formats, and between numbers and integers. It does not know registers.

use rustc_apfloat::ieee::IeeeFloat;
use rustc_apfloat::{Float, FloatConvert, Round, Status};

use super::{Double, FloatResult, Format, Single, finish, flag, flags, nan_operand};
use crate::embedded::hart::decode::Integer;

pub fn single_to_double(bits: u64) -> FloatResult {
    if Single::is_nan(bits) {
        let invalid = if Single::is_signalling(bits) { flag::INVALID } else { 0 };
        return FloatResult { bits: Double::CANONICAL_NAN, flags: invalid };
    }
    let widened: IeeeFloat<<Double as Format>::Semantics> = Single::number(bits).convert(&mut false).value;
    FloatResult::exact(widened.to_bits() as u64)
}

pub fn double_to_single(bits: u64, round: Round) -> FloatResult {
    if let Some(nan) = nan_operand::<Double>(&[bits]) {
        return FloatResult { bits: Single::CANONICAL_NAN, ..nan };
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

pub fn from_integer<F: Format>(value: u64, form: Integer, round: Round) -> FloatResult {
    let wide = match form {
        Integer::Word => i128::from(value as i32),
        Integer::UnsignedWord => i128::from(value as u32),
        Integer::Doubleword => i128::from(value as i64),
        Integer::UnsignedDoubleword => i128::from(value),
    };
    let number = IeeeFloat::<F::Semantics>::from_i128_r(wide, round);
    FloatResult { bits: number.value.to_bits() as u64, flags: flags(number.status) }
}
