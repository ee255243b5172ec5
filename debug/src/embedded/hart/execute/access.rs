//! Loads and stores of integers. It does not know what memory is.

use super::base::Base;
use super::{Exit, Handler, Hart, Interruption, Kind, Memory, Operation, Step, address, address_in, ran_out, slowly};

pub(super) fn is_integer(kind: Kind) -> bool {
    matches!(kind, Kind::Lb | Kind::Lh | Kind::Lw | Kind::Ld | Kind::Lbu | Kind::Lhu | Kind::Lwu)
        || matches!(kind, Kind::Sb | Kind::Sh | Kind::Sw | Kind::Sd)
}

/// One of those for which [`is_integer`] holds.
pub(super) fn handler<B: Base>(kind: Kind) -> Handler {
    match kind {
        Kind::Lb => |steps, hart, memory| {
            load::<B, _>(steps, hart, memory, |bytes| B::truncated(i8::from_le_bytes(bytes) as u64))
        },
        Kind::Lh => |steps, hart, memory| {
            load::<B, _>(steps, hart, memory, |bytes| B::truncated(i16::from_le_bytes(bytes) as u64))
        },
        Kind::Lw => |steps, hart, memory| {
            load::<B, _>(steps, hart, memory, |bytes| B::truncated(i32::from_le_bytes(bytes) as u64))
        },
        Kind::Ld => |steps, hart, memory| load::<B, _>(steps, hart, memory, u64::from_le_bytes),
        Kind::Lbu => |steps, hart, memory| load::<B, _>(steps, hart, memory, |bytes| u8::from_le_bytes(bytes).into()),
        Kind::Lhu => |steps, hart, memory| load::<B, _>(steps, hart, memory, |bytes| u16::from_le_bytes(bytes).into()),
        Kind::Lwu => |steps, hart, memory| load::<B, _>(steps, hart, memory, |bytes| u32::from_le_bytes(bytes).into()),
        Kind::Sb => |steps, hart, memory| store::<B, _>(steps, hart, memory, |value| (value as u8).to_le_bytes()),
        Kind::Sh => |steps, hart, memory| store::<B, _>(steps, hart, memory, |value| (value as u16).to_le_bytes()),
        Kind::Sw => |steps, hart, memory| store::<B, _>(steps, hart, memory, |value| (value as u32).to_le_bytes()),
        _ => |steps, hart, memory| store::<B, _>(steps, hart, memory, u64::to_le_bytes),
    }
}

#[inline(always)]
fn load<B: Base, const N: usize>(
    steps: &[Step],
    hart: &mut Hart,
    memory: &mut Memory,
    extend: impl Fn([u8; N]) -> u64,
) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let operation = &step.operation;
    let Some(bytes) = memory.load_plainly(address_in::<B>(hart, operation)) else { return slowly(steps, hart, memory) };
    hart.set_x(operation.rd, extend(bytes));
    (step.next)(rest, hart, memory)
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
    match memory.store_plainly(address_in::<B>(hart, operation), bytes(hart.x(operation.rs2))) {
        Some(()) => (step.next)(rest, hart, memory),
        None => slowly(steps, hart, memory),
    }
}

/// Any of them, also where more is to be done than to move bytes.
pub(super) fn perform(op: &Operation, hart: &mut Hart, memory: &mut Memory) -> Result<(), Interruption> {
    let (address, value) = (address(hart, op), hart.x(op.rs2));
    let loaded = match op.kind {
        Kind::Lb => i8::from_le_bytes(memory.load(address)?) as u64,
        Kind::Lh => i16::from_le_bytes(memory.load(address)?) as u64,
        Kind::Lw => i32::from_le_bytes(memory.load(address)?) as u64,
        Kind::Ld => u64::from_le_bytes(memory.load(address)?),
        Kind::Lbu => u8::from_le_bytes(memory.load(address)?).into(),
        Kind::Lhu => u16::from_le_bytes(memory.load(address)?).into(),
        Kind::Lwu => u32::from_le_bytes(memory.load(address)?).into(),
        Kind::Sb => return memory.store(address, (value as u8).to_le_bytes()),
        Kind::Sh => return memory.store(address, (value as u16).to_le_bytes()),
        Kind::Sw => return memory.store(address, (value as u32).to_le_bytes()),
        _ => return memory.store(address, value.to_le_bytes()),
    };
    hart.set_x(op.rd, hart.xlen.truncate(loaded));
    Ok(())
}
