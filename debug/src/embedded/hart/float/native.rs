//! The host's arithmetic, where its results and flags are provably RISC-V's; `None` elsewhere, and the caller computes without it.
//!
//! Rust promises the exact result, rounded to the nearest even, of `+`, `*`, `/`, `sqrt` and `mul_add` (std, primitive types f32 and
//! f64). It tells no flags. So operands and results have to be so far from the ends of the range that nothing overflows and nothing is
//! tiny; what is left is to know whether a result is exact. For that the integers of the significands are compared, and sums have
//! an error that is a number itself. It does not know rounding modes: all of this is for the nearest even.

use super::{Double, FloatResult, Format, Single, flag};

/// Computes as the host does.
pub trait Native {
    fn add(first: u64, second: u64) -> Option<FloatResult>;
    fn multiply(first: u64, second: u64) -> Option<FloatResult>;
    fn divide(first: u64, second: u64) -> Option<FloatResult>;
    fn square_root(bits: u64) -> Option<FloatResult>;
    /// `first * second + addend`
    fn multiply_add(first: u64, second: u64, addend: u64) -> Option<FloatResult>;
    /// The nearest number to an integer.
    fn from_integer(value: i64) -> u64;
    /// The same number as a double; of what is not a NaN.
    fn widened(bits: u64) -> f64;
}

/// The host's numbers of 32 bits may be wider inside where it has nothing but x87's registers.
const IS_EXACT: bool = cfg!(any(not(target_arch = "x86"), target_feature = "sse2"));

/// The rounded sum, and its error (D. Knuth, TAOCP 4.2.2, theorem B).
macro_rules! two_sum {
    ($first:expr, $second:expr) => {{
        let sum = $first + $second;
        let second = sum - $first;
        let first = sum - second;
        (sum, ($first - first) + ($second - second))
    }};
}

/// Whether a product of two significands is this one, times a power of two.
macro_rules! is_shifted {
    ($format:ty, $product:expr, $significand:expr) => {{
        let (product, shifted) = ($product, $significand << <$format>::FRACTION_BITS);
        product == shifted || product == shifted << 1
    }};
}

macro_rules! native {
    ($format:ty, $float:ty, $bits:ty, $wide:ty) => {
        impl Native for $format {
            #[inline(always)]
            fn add(first: u64, second: u64) -> Option<FloatResult> {
                // Zeros and subnormal numbers too: a sum that is tiny is exact.
                let is_far = |bits| exponent::<Self>(bits) <= highest::<Self>() - 4;
                if !(IS_EXACT && is_far(first) && is_far(second)) {
                    return None;
                }
                let [first, second] = [first, second].map(|bits| <$float>::from_bits(bits as $bits));
                let (sum, error) = two_sum!(first, second);
                Some(result(sum.to_bits().into(), error != 0.0))
            }

            #[inline(always)]
            fn multiply(first: u64, second: u64) -> Option<FloatResult> {
                let product = <$float>::from_bits(first as $bits) * <$float>::from_bits(second as $bits);
                let bits = u64::from(product.to_bits());
                if !(IS_EXACT && is_normal::<Self>(first) && is_normal::<Self>(second) && is_inside::<Self>(bits)) {
                    return product_with_zero::<Self>(first, second);
                }
                let bias = highest::<Self>() / 2;
                // The exact product has as many bits as two significands, or one less: so many of them are cut off.
                let carry = exponent::<Self>(bits) + bias - exponent::<Self>(first) - exponent::<Self>(second);
                let zeros = significand::<Self>(first).trailing_zeros() + significand::<Self>(second).trailing_zeros();
                Some(result(bits, u64::from(zeros) < u64::from(Self::FRACTION_BITS) + carry))
            }

            #[inline(always)]
            fn divide(first: u64, second: u64) -> Option<FloatResult> {
                let quotient = <$float>::from_bits(first as $bits) / <$float>::from_bits(second as $bits);
                let bits = u64::from(quotient.to_bits());
                if !(IS_EXACT && is_normal::<Self>(first) && is_normal::<Self>(second) && is_inside::<Self>(bits)) {
                    return None;
                }
                let [quotient, divisor] = [bits, second].map(|bits| significand::<Self>(bits) as $wide);
                Some(result(bits, !is_shifted!(Self, quotient * divisor, significand::<Self>(first) as $wide)))
            }

            #[inline(always)]
            fn square_root(bits: u64) -> Option<FloatResult> {
                if !IS_EXACT || !is_normal::<Self>(bits) || bits & Self::SIGN != 0 {
                    return None;
                }
                let root = u64::from(<$float>::from_bits(bits as $bits).sqrt().to_bits());
                let factor = significand::<Self>(root) as $wide;
                Some(result(root, !is_shifted!(Self, factor * factor, significand::<Self>(bits) as $wide)))
            }

            /// The error of the result is the sum of two numbers (S. Boldo and J.-M. Muller, "Exact and Approximated Error of the FMA",
            /// 2011, algorithm ErrFma), which are opposite if it is none.
            #[inline(always)]
            fn multiply_add(first: u64, second: u64, addend: u64) -> Option<FloatResult> {
                // All that is computed on the way is a multiple of the last bit of the product, and far from overflow.
                let is_far = |bits| {
                    let quarter = highest::<Self>() / 8;
                    exponent::<Self>(bits).abs_diff(highest::<Self>() / 2) < quarter
                };
                let is_zero = addend & !Self::SIGN == 0;
                if !(IS_EXACT && is_far(first) && is_far(second) && (is_zero || is_far(addend))) {
                    return None;
                }
                let [first, second, addend] = [first, second, addend].map(|bits| <$float>::from_bits(bits as $bits));
                let sum = first.mul_add(second, addend);
                let product = first * second;
                let rest = first.mul_add(second, -product);
                let (low, lowest) = two_sum!(addend, rest);
                let (high, middle) = two_sum!(product, low);
                let error = high - sum + middle;
                Some(result(sum.to_bits().into(), error != -lowest))
            }

            #[inline(always)]
            fn from_integer(value: i64) -> u64 {
                (value as $float).to_bits().into()
            }

            #[inline(always)]
            fn widened(bits: u64) -> f64 {
                <$float>::from_bits(bits as $bits).into()
            }
        }
    };
}

native!(Double, f64, u64, u128);
native!(Single, f32, u32, u64);

/// The exponent field of infinities and NaNs.
const fn highest<F: Format>() -> u64 {
    F::EXPONENT >> F::FRACTION_BITS
}

#[inline(always)]
fn exponent<F: Format>(bits: u64) -> u64 {
    (bits & F::EXPONENT) >> F::FRACTION_BITS
}

#[inline(always)]
fn is_normal<F: Format>(bits: u64) -> bool {
    (1..highest::<F>()).contains(&exponent::<F>(bits))
}

/// Whether a rounded result is neither among the smallest numbers nor among the largest.
#[inline(always)]
fn is_inside<F: Format>(bits: u64) -> bool {
    (2..highest::<F>() - 1).contains(&exponent::<F>(bits))
}

/// Of a normal number, as an integer with all bits.
#[inline(always)]
fn significand<F: Format>(bits: u64) -> u64 {
    bits & F::FRACTION | F::MIN_NORMAL
}

#[inline(always)]
fn product_with_zero<F: Format>(first: u64, second: u64) -> Option<FloatResult> {
    let has_zero = [first, second].iter().any(|bits| bits & !F::SIGN == 0);
    let is_finite = [first, second].iter().all(|bits| exponent::<F>(*bits) < highest::<F>());
    (has_zero && is_finite).then_some(FloatResult { bits: (first ^ second) & F::SIGN, flags: 0 })
}

#[inline(always)]
fn result(bits: u64, is_inexact: bool) -> FloatResult {
    FloatResult { bits, flags: if is_inexact { flag::INEXACT } else { 0 } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustc_apfloat::Round;

    use super::super::{Arithmetic, arithmetic_without_host, multiply_add_without_host, square_root_without_host};
    use super::*;

    /// Any bits, and numbers of few bits: of those, results are often exact.
    fn operand<F: Format>() -> impl Strategy<Value = u64> {
        let all = F::SIGN | F::EXPONENT | F::FRACTION;
        let short = (any::<u64>(), 0..=F::FRACTION_BITS).prop_map(move |(bits, zeros)| bits & all & !0 << zeros);
        let near = (any::<u64>(), 0..=F::FRACTION_BITS, 0_u64..12).prop_map(move |(bits, zeros, above)| {
            let exponent = (highest::<F>() / 2 - 6 + above) << F::FRACTION_BITS;
            bits & (F::SIGN | F::FRACTION) & !0 << zeros | exponent
        });
        let zero = any::<bool>().prop_map(|negative| if negative { F::SIGN } else { 0 });
        prop_oneof![2 => any::<u64>().prop_map(move |bits| bits & all), 2 => short, 4 => near, 1 => zero]
    }

    /// The host says nothing, or the same.
    fn agree(by_host: Option<FloatResult>, without: impl FnOnce() -> FloatResult) -> bool {
        if let Some(result) = by_host {
            assert_eq!(result, without());
        }
        by_host.is_some()
    }

    fn compare<F: Format>([first, second, third]: [u64; 3]) -> [bool; 5] {
        let nearest = Round::NearestTiesToEven;
        let soft = |operation| move || arithmetic_without_host::<F>(operation, first, second, nearest);
        [
            agree(F::add(first, second), soft(Arithmetic::Add)),
            agree(F::multiply(first, second), soft(Arithmetic::Multiply)),
            agree(F::divide(first, second), soft(Arithmetic::Divide)),
            agree(F::square_root(first), || square_root_without_host::<F>(first, nearest)),
            agree(F::multiply_add(first, second, third), || {
                multiply_add_without_host::<F>(first, second, third, nearest)
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_host_computes_doubles_as_riscv_does(operands in [operand::<Double>(), operand::<Double>(), operand::<Double>()]) {
            compare::<Double>(operands);
        }

        #[test]
        fn the_host_computes_singles_as_riscv_does(operands in [operand::<Single>(), operand::<Single>(), operand::<Single>()]) {
            compare::<Single>(operands);
        }
    }

    #[test]
    fn the_host_computes_usual_numbers() {
        for [first, second] in [[1.5, 0.25], [-0.1, 3.0], [1e50, 1e-50], [12345.678, 0.001]] {
            assert_eq!(
                compare::<Double>([first, second, 0.7].map(f64::to_bits)),
                [true, true, true, first > 0.0, true]
            );
            let singles = [first as f32, second as f32, 0.7].map(|number| u64::from(number.to_bits()));
            if first.abs() < 1e10 {
                assert_eq!(compare::<Single>(singles), [true, true, true, first > 0.0, true]);
            }
        }
    }
}
