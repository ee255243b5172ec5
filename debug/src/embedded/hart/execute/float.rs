//! Extensions F, D and Zfa as instructions: registers, NaN boxing, rounding modes, flags. It does not know how numbers are computed.

use super::{Interruption, address};
use crate::embedded::bus::memory::Memory;
use crate::embedded::hart::decode::{Float, Kind, Operation, Precision};
use crate::embedded::hart::float::{self, Arithmetic, Double, FloatResult, Format, Single};
use crate::embedded::hart::state::Hart;
use crate::embedded::hart::trap::Trap;

/// The upper half of a register that holds a single.
pub(super) const BOX: u64 = 0xffff_ffff << 32;

/// flw, fld, fsw, fsd: these move bits without interpreting them.
#[inline(never)]
pub(super) fn transfer(hart: &mut Hart, memory: &mut Memory, operation: &Operation) -> Result<(), Interruption> {
    require_unit(hart, operation)?;
    let address = address(hart, operation);
    match operation.kind {
        Kind::Flw => {
            let bits = u32::from_le_bytes(memory.load(address)?);
            set(hart, operation, BOX | u64::from(bits));
        }
        Kind::Fld => {
            let bits = u64::from_le_bytes(memory.load(address)?);
            set(hart, operation, bits);
        }
        Kind::Fsw => memory.store(address, (source(hart, operation.rs2) as u32).to_le_bytes())?,
        _ => memory.store(address, source(hart, operation.rs2).to_le_bytes())?,
    }
    Ok(())
}

#[inline(never)]
pub(super) fn compute(
    hart: &mut Hart,
    operation: &Operation,
    float: Float,
    precision: Precision,
) -> Result<(), Interruption> {
    require_unit(hart, operation)?;
    match precision {
        Precision::Single => compute_in::<Single>(hart, operation, float, precision),
        Precision::Double => compute_in::<Double>(hart, operation, float, precision),
    }
}

/// It is long because each operation has a line.
#[inline(always)]
pub(super) fn compute_in<F: Format>(
    hart: &mut Hart,
    operation: &Operation,
    float: Float,
    precision: Precision,
) -> Result<(), Interruption> {
    let read = |register: u8| unbox(source(hart, register), precision);
    let (a, b, integer) = (read(operation.rs1), read(operation.rs2), hart.x(operation.rs1));
    let addend = read(operation.rs3() as u8);
    let rounding = || rounding(hart, operation);
    let binary = |arithmetic| Ok::<_, Interruption>(float::arithmetic::<F>(arithmetic, a, b, rounding()?));
    let fused = |product: u64, sum: u64| Ok::<_, Interruption>(float::multiply_add::<F>(product, b, sum, rounding()?));
    let sign_of = |sign: u64| FloatResult { bits: a & !F::SIGN | sign & F::SIGN, flags: 0 };
    let outcome = match float {
        Float::MultiplyAdd => fused(a, addend)?,
        Float::MultiplySubtract => fused(a, addend ^ F::SIGN)?,
        Float::NegatedMultiplySubtract => fused(a ^ F::SIGN, addend)?,
        Float::NegatedMultiplyAdd => fused(a ^ F::SIGN, addend ^ F::SIGN)?,
        Float::Add => binary(Arithmetic::Add)?,
        Float::Subtract => binary(Arithmetic::Subtract)?,
        Float::Multiply => binary(Arithmetic::Multiply)?,
        Float::Divide => binary(Arithmetic::Divide)?,
        Float::SquareRoot => float::square_root::<F>(a, rounding()?),
        Float::CopySign => sign_of(b),
        Float::CopyNegatedSign => sign_of(!b),
        Float::XorSign => sign_of(a ^ b),
        Float::Minimum => float::minimum::<F>(a, b),
        Float::Maximum => float::maximum::<F>(a, b),
        Float::MinimumOrNan => float::minimum_or_nan::<F>(a, b),
        Float::MaximumOrNan => float::maximum_or_nan::<F>(a, b),
        Float::Constant => FloatResult { bits: float::constant::<F>(operation.rs1), flags: 0 },
        Float::Round => float::to_integral::<F>(a, rounding()?, false),
        Float::RoundInexact => float::to_integral::<F>(a, rounding()?, true),
        Float::MoveFromInteger => FloatResult { bits: integer, flags: 0 },
        Float::FromInteger(form) => float::from_integer::<F>(integer, form, rounding()?),
        Float::Convert => {
            let mode = rounding()?;
            match precision {
                Precision::Single => float::double_to_single(source(hart, operation.rs1), mode),
                Precision::Double => float::single_to_double(unbox(source(hart, operation.rs1), Precision::Single)),
            }
        }

        Float::Equal => return set_integer(hart, operation, float::equal::<F>(a, b)),
        Float::LessThan => return set_integer(hart, operation, float::less_than::<F>(a, b)),
        Float::LessOrEqual => return set_integer(hart, operation, float::less_or_equal::<F>(a, b)),
        Float::LessThanQuiet => return set_integer(hart, operation, float::less_than_quiet::<F>(a, b)),
        Float::LessOrEqualQuiet => return set_integer(hart, operation, float::less_or_equal_quiet::<F>(a, b)),
        Float::ToWordModulo => return set_integer(hart, operation, float::to_word_modulo(a)),
        Float::Classify => {
            return set_integer(hart, operation, FloatResult { bits: float::classify::<F>(a), flags: 0 });
        }
        Float::MoveToInteger => {
            let bits = source(hart, operation.rs1);
            let bits = if precision == Precision::Single { bits as i32 as u64 } else { bits };
            return set_integer(hart, operation, FloatResult { bits, flags: 0 });
        }
        Float::ToInteger(form) => {
            let outcome = float::to_integer::<F>(a, form, rounding()?);
            return set_integer(hart, operation, outcome);
        }
    };
    hart.fflags |= outcome.flags;
    let boxed = if precision == Precision::Single { BOX | outcome.bits } else { outcome.bits };
    set(hart, operation, boxed);
    Ok(())
}

fn require_unit(hart: &Hart, operation: &Operation) -> Result<(), Interruption> {
    if hart.float_off() { Err(Trap::illegal(operation.bits).into()) } else { Ok(()) }
}

#[inline(always)]
pub(super) fn source(hart: &Hart, register: u8) -> u64 {
    hart.f[usize::from(register & 31)]
}

/// A single that is not boxed counts as the canonical NaN (unprivileged manual, "NaN Boxing of Narrower Values").
#[inline(always)]
fn unbox(bits: u64, precision: Precision) -> u64 {
    match precision {
        Precision::Single if bits & BOX == BOX => bits & !BOX,
        Precision::Single => Single::CANONICAL_NAN,
        Precision::Double => bits,
    }
}

#[inline(always)]
pub(super) fn set(hart: &mut Hart, operation: &Operation, bits: u64) {
    hart.f[usize::from(operation.rd & 31)] = bits;
    hart.mark_float_dirty();
}

fn set_integer(hart: &mut Hart, operation: &Operation, outcome: FloatResult) -> Result<(), Interruption> {
    hart.set_x(operation.rd, hart.xlen.truncate(outcome.bits));
    if hart.fflags | outcome.flags != hart.fflags {
        hart.fflags |= outcome.flags;
        hart.mark_float_dirty();
    }
    Ok(())
}

/// The instruction's rounding mode, or frm if it is "dynamic". Undefined modes are illegal.
#[inline(always)]
fn rounding(hart: &Hart, operation: &Operation) -> Result<rustc_apfloat::Round, Interruption> {
    const DYNAMIC: u8 = 7;
    let mode = operation.funct3();
    let mode = if mode == DYNAMIC { hart.frm } else { mode };
    float::rounding(mode).ok_or_else(|| Trap::illegal(operation.bits).into())
}
