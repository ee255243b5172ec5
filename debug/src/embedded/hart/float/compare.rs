//! Comparisons, minimum and maximum, classes: nothing here rounds. It does not know registers.

use std::cmp::Ordering;

use super::{FloatResult, Format, flag, nan_operand};

/// Quiet: only a signalling NaN is invalid.
pub fn equal<F: Format>(first: u64, second: u64) -> FloatResult {
    let signalling = F::is_signalling(first) || F::is_signalling(second);
    truth(order::<F>(first, second).map(Ordering::is_eq), signalling)
}

/// Signalling: every NaN is invalid.
pub fn less_than<F: Format>(first: u64, second: u64) -> FloatResult {
    truth(order::<F>(first, second).map(Ordering::is_lt), true)
}

/// Signalling: every NaN is invalid.
pub fn less_or_equal<F: Format>(first: u64, second: u64) -> FloatResult {
    truth(order::<F>(first, second).map(Ordering::is_le), true)
}

/// Quiet: only a signalling NaN is invalid.
pub fn less_than_quiet<F: Format>(first: u64, second: u64) -> FloatResult {
    FloatResult { flags: equal::<F>(first, second).flags, ..less_than::<F>(first, second) }
}

/// Quiet: only a signalling NaN is invalid.
pub fn less_or_equal_quiet<F: Format>(first: u64, second: u64) -> FloatResult {
    FloatResult { flags: equal::<F>(first, second).flags, ..less_or_equal::<F>(first, second) }
}

/// -0 is less than +0; the number where the other is a NaN.
pub fn minimum<F: Format>(first: u64, second: u64) -> FloatResult {
    choose::<F>(first, second, Ordering::is_le)
}

/// +0 is greater than -0; the number where the other is a NaN.
pub fn maximum<F: Format>(first: u64, second: u64) -> FloatResult {
    choose::<F>(first, second, Ordering::is_ge)
}

/// The same, but for a NaN where one of them is one.
pub fn minimum_or_nan<F: Format>(first: u64, second: u64) -> FloatResult {
    nan_operand::<F>(&[first, second]).unwrap_or_else(|| minimum::<F>(first, second))
}

/// The same, but for a NaN where one of them is one.
pub fn maximum_or_nan<F: Format>(first: u64, second: u64) -> FloatResult {
    nan_operand::<F>(&[first, second]).unwrap_or_else(|| maximum::<F>(first, second))
}

/// One bit of ten (unprivileged manual, table "Format of result of FCLASS instruction").
pub fn classify<F: Format>(bits: u64) -> u64 {
    let negative = bits & F::SIGN != 0;
    let class = match bits & !F::SIGN {
        0 => 3,
        magnitude if magnitude < F::MIN_NORMAL => 2,
        magnitude if magnitude < F::EXPONENT => 1,
        magnitude if magnitude == F::EXPONENT => 0,
        magnitude if magnitude & F::QUIET == 0 => return 1 << 8,
        _ => return 1 << 9,
    };
    1 << if negative { class } else { 7 - class }
}

/// `None` where one of them is a NaN; zeros are equal.
fn order<F: Format>(first: u64, second: u64) -> Option<Ordering> {
    if F::is_nan(first) || F::is_nan(second) {
        return None;
    }
    if (first | second) & !F::SIGN == 0 {
        return Some(Ordering::Equal);
    }
    Some(total_order::<F>(first).cmp(&total_order::<F>(second)))
}

/// A key in the order of the numbers, -0 before +0.
fn total_order<F: Format>(bits: u64) -> i64 {
    let magnitude = (bits & !F::SIGN) as i64;
    if bits & F::SIGN != 0 { -1 - magnitude } else { magnitude }
}

fn truth(holds: Option<bool>, invalid_if_unordered: bool) -> FloatResult {
    let flags = if holds.is_none() && invalid_if_unordered { flag::INVALID } else { 0 };
    FloatResult { bits: u64::from(holds == Some(true)), flags }
}

fn choose<F: Format>(first: u64, second: u64, first_wins: fn(Ordering) -> bool) -> FloatResult {
    let signalling = F::is_signalling(first) || F::is_signalling(second);
    let bits = match (F::is_nan(first), F::is_nan(second)) {
        (true, true) => F::CANONICAL_NAN,
        (true, false) => second,
        (false, true) => first,
        (false, false) if first_wins(total_order::<F>(first).cmp(&total_order::<F>(second))) => first,
        (false, false) => second,
    };
    FloatResult { bits, flags: if signalling { flag::INVALID } else { 0 } }
}
