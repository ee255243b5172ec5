//! Floating point as steps of a block: those that programs execute most without a look at what they are. It does not know numbers.

use super::base::Base;
use super::float::{self, BOX, set, source};
use super::{Exit, Handler, Hart, Interruption, Kind, Memory, Operation, Step, address_in, fail, ran_out, slowly};
use crate::embedded::hart::decode::{Float, Precision};
use crate::embedded::hart::float::{Double, Single};

/// A function that computes this in one of the precisions.
macro_rules! each {
    ($precision:expr, $float:expr) => {
        match $precision {
            Precision::Single => |steps, hart, memory| {
                computed(steps, hart, memory, |hart, operation| {
                    float::compute_in::<Single>(hart, operation, $float, Precision::Single)
                })
            },
            Precision::Double => |steps, hart, memory| {
                computed(steps, hart, memory, |hart, operation| {
                    float::compute_in::<Double>(hart, operation, $float, Precision::Double)
                })
            },
        }
    };
}

/// The function of an instruction of this kind, if it is of floating point.
pub(super) fn handler<B: Base>(kind: Kind) -> Option<Handler> {
    Some(match kind {
        Kind::Flw => {
            |steps, hart, memory| load::<B, _>(steps, hart, memory, |bytes| BOX | u64::from(u32::from_le_bytes(bytes)))
        }
        Kind::Fld => |steps, hart, memory| load::<B, _>(steps, hart, memory, u64::from_le_bytes),
        Kind::Fsw => |steps, hart, memory| store::<B, _>(steps, hart, memory, |bits| (bits as u32).to_le_bytes()),
        Kind::Fsd => |steps, hart, memory| store::<B, _>(steps, hart, memory, u64::to_le_bytes),
        Kind::Float(float, precision) => match float {
            Float::Add => each!(precision, Float::Add),
            Float::Subtract => each!(precision, Float::Subtract),
            Float::Multiply => each!(precision, Float::Multiply),
            Float::Divide => each!(precision, Float::Divide),
            Float::MultiplyAdd => each!(precision, Float::MultiplyAdd),
            Float::CopySign => each!(precision, Float::CopySign),
            Float::XorSign => each!(precision, Float::XorSign),
            Float::LessThan => each!(precision, Float::LessThan),
            Float::LessOrEqual => each!(precision, Float::LessOrEqual),
            _ => other,
        },
        _ => return None,
    })
}

#[inline(always)]
fn computed(
    steps: &[Step],
    hart: &mut Hart,
    memory: &mut Memory,
    compute: impl Fn(&mut Hart, &Operation) -> Result<(), Interruption>,
) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    if hart.float_off() {
        return slowly(steps, hart, memory);
    }
    match compute(hart, &step.operation) {
        Ok(()) => (step.next)(rest, hart, memory),
        Err(interruption) => fail(step, hart, memory, interruption),
    }
}

fn other(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let Kind::Float(float, precision) = step.operation.kind else { return ran_out() };
    match float::compute(hart, &step.operation, float, precision) {
        Ok(()) => (step.next)(rest, hart, memory),
        Err(interruption) => fail(step, hart, memory, interruption),
    }
}

#[inline(always)]
fn load<B: Base, const N: usize>(
    steps: &[Step],
    hart: &mut Hart,
    memory: &mut Memory,
    bits: impl Fn([u8; N]) -> u64,
) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    match memory.load_plainly(address_in::<B>(hart, &step.operation)).filter(|_| !hart.float_off()) {
        Some(bytes) => {
            set(hart, &step.operation, bits(bytes));
            (step.next)(rest, hart, memory)
        }
        None => slowly(steps, hart, memory),
    }
}

#[inline(always)]
fn store<B: Base, const N: usize>(
    steps: &[Step],
    hart: &mut Hart,
    memory: &mut Memory,
    bytes: impl Fn(u64) -> [u8; N],
) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let operation = &step.operation;
    if hart.float_off() {
        return slowly(steps, hart, memory);
    }
    match memory.store_plainly(address_in::<B>(hart, operation), bytes(source(hart, operation.rs2))) {
        Some(()) => (step.next)(rest, hart, memory),
        None => slowly(steps, hart, memory),
    }
}
