//! Extension A on one hart, where nothing can come between the load and the store. It does not know the other instructions.

use super::Interruption;
use crate::embedded::bus::memory::Memory;
use crate::embedded::hart::decode::{Atomic, Kind, Operation, Width};
use crate::embedded::hart::state::{Hart, Reservation};
use crate::embedded::hart::trap::{AccessType, Cause, Trap};

/// An instruction of the extension.
pub(super) fn perform(op: &Operation, hart: &mut Hart, memory: &mut Memory) -> Result<(), Interruption> {
    match op.kind {
        Kind::LoadReserved(width) => load_reserved(hart, memory, op, width),
        Kind::StoreConditional(width) => store_conditional(hart, memory, op, width),
        Kind::Atomic(atomic, width) => update(hart, memory, op, atomic, width),
        _ => Err(Interruption::NeedsBoard),
    }
}

fn load_reserved(
    hart: &mut Hart,
    memory: &mut Memory,
    operation: &Operation,
    width: Width,
) -> Result<(), Interruption> {
    let address = aligned(hart, operation, width, Cause::LoadMisaligned)?;
    let value = load(memory, address, width)?;
    hart.reservation = Some(Reservation { address, value });
    hart.set_x(operation.rd, hart.xlen.truncate(value));
    Ok(())
}

/// Fails with 1 in rd, without an access to memory, if the reservation is for another address. Otherwise it succeeds if memory still
/// holds the value that `lr` read.
fn store_conditional(
    hart: &mut Hart,
    memory: &mut Memory,
    operation: &Operation,
    width: Width,
) -> Result<(), Interruption> {
    let address = aligned(hart, operation, width, Cause::StoreMisaligned)?;
    let reserved = hart.reservation.filter(|reservation| reservation.address == address);
    let Some(reservation) = reserved else {
        hart.reservation = None;
        hart.set_x(operation.rd, 1);
        return Ok(());
    };
    let unchanged = load(memory, address, width).map_err(as_store)? == extend(reservation.value, width);
    if unchanged {
        store(memory, address, hart.x(operation.rs2), width)?;
    } else {
        memory.check(address, width.bytes().into(), AccessType::Store)?;
    }
    hart.reservation = None;
    hart.set_x(operation.rd, (!unchanged).into());
    Ok(())
}

fn update(
    hart: &mut Hart,
    memory: &mut Memory,
    operation: &Operation,
    atomic: Atomic,
    width: Width,
) -> Result<(), Interruption> {
    let address = aligned(hart, operation, width, Cause::StoreMisaligned)?;
    let old = load(memory, address, width).map_err(as_store)?;
    let operand = extend(hart.x(operation.rs2), width);
    store(memory, address, combine(atomic, old, operand), width)?;
    hart.set_x(operation.rd, hart.xlen.truncate(old));
    Ok(())
}

/// The load of an operation that also stores. If it fails, it is a store fault (privileged manual, "Machine Cause Register").
fn as_store(interruption: Interruption) -> Interruption {
    let Interruption::Trap(trap) = interruption else { return interruption };
    let cause = match trap.cause {
        Cause::LoadPage => Cause::StorePage,
        Cause::LoadGuestPage => Cause::StoreGuestPage,
        Cause::LoadAccess => Cause::StoreAccess,
        other => other,
    };
    Interruption::Trap(Trap { cause, ..trap })
}

/// Both operands are sign-extended from the operation's width, which keeps the order of unsigned numbers too.
fn combine(atomic: Atomic, old: u64, operand: u64) -> u64 {
    match atomic {
        Atomic::Swap => operand,
        Atomic::Add => old.wrapping_add(operand),
        Atomic::Xor => old ^ operand,
        Atomic::And => old & operand,
        Atomic::Or => old | operand,
        Atomic::Min => (old as i64).min(operand as i64) as u64,
        Atomic::Max => (old as i64).max(operand as i64) as u64,
        Atomic::MinUnsigned => old.min(operand),
        Atomic::MaxUnsigned => old.max(operand),
    }
}

fn aligned(hart: &Hart, operation: &Operation, width: Width, cause: Cause) -> Result<u64, Interruption> {
    let address = hart.x(operation.rs1);
    let bytes = match width {
        Width::Word => 4,
        Width::Doubleword => 8,
    };
    if address.is_multiple_of(bytes) { Ok(address) } else { Err(Trap::new(cause, address).into()) }
}

fn extend(value: u64, width: Width) -> u64 {
    match width {
        Width::Word => value as i32 as u64,
        Width::Doubleword => value,
    }
}

fn load(memory: &mut Memory, address: u64, width: Width) -> Result<u64, Interruption> {
    match width {
        Width::Word => memory.load(address).map(|bytes| i32::from_le_bytes(bytes) as u64),
        Width::Doubleword => memory.load(address).map(u64::from_le_bytes),
    }
}

fn store(memory: &mut Memory, address: u64, value: u64, width: Width) -> Result<(), Interruption> {
    match width {
        Width::Word => memory.store(address, (value as u32).to_le_bytes()),
        Width::Doubleword => memory.store(address, value.to_le_bytes()),
    }
}
