//! The loop around a store, and what it is bounded by, read from its instructions. It does not judge.

use std::ops::RangeInclusive;

use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::event::store_range;
use crate::machine::{Address, Error};
use crate::riscv::{self, Effect, Operation, Target};

/// How many instructions behind the store are read, and how many bytes before it the loop may begin.
const LONGEST: usize = 32;
const BEFORE: u64 = 128;

/// Whether the store at `pc` is in a loop.
pub fn is_in_one(run: &mut BootRun<'_>, pc: Address) -> Result<bool, Error> {
    Ok(around(run, pc)?.is_some())
}

/// Whether the store at `pc`, where the hart is, is in a loop that compares with `bound` to see whether it is over.
pub fn are_bounded_by(run: &mut BootRun<'_>, pc: Address, bound: Address) -> Result<bool, Error> {
    let Some(whole) = around(run, pc)? else { return Ok(false) };
    let registers = run.machine.registers()?;
    let stores_at = |operation: &Operation| store_range(operation.effect(), &registers).map(|_| operation.rs1);
    let Some(base) = operation(run, pc)?.as_ref().and_then(stores_at) else { return Ok(false) };
    let mut at = *whole.start();
    while at <= *whole.end() {
        let Some(operation) = operation(run, at)? else { break };
        let holds_it =
            |register: u8| register != base && run.image.linked(Address(registers.x[usize::from(register)])) == bound;
        if matches!(operation.effect(), Effect::Branch { .. })
            && [operation.rs1, operation.rs2].map(holds_it) != [false; 2]
        {
            return Ok(true);
        }
        at = at + u64::from(operation.length);
    }
    Ok(false)
}

/// From the loop's first instruction to the jump that goes back to it.
fn around(run: &mut BootRun<'_>, pc: Address) -> Result<Option<RangeInclusive<Address>>, Error> {
    let mut at = pc;
    for _ in 0..LONGEST {
        let Some(operation) = operation(run, at)? else { break };
        let (target, goes_on) = match operation.effect() {
            Effect::Branch { offset } => (Some(at.0.wrapping_add_signed(offset)), true),
            Effect::Jump(Target::Relative(offset)) => (Some(at.0.wrapping_add_signed(offset)), false),
            Effect::Jump(_) | Effect::Call(_) | Effect::Return | Effect::TrapReturn | Effect::Wfi => break,
            _ => (None, true),
        };
        match target {
            Some(target) if (pc.0 - BEFORE..=pc.0).contains(&target) => return Ok(Some(Address(target)..=at)),
            Some(target) if !goes_on && target > at.0 => at = Address(target),
            _ if goes_on => at = at + u64::from(operation.length),
            _ => break,
        }
    }
    Ok(None)
}

fn operation(run: &mut BootRun<'_>, pc: Address) -> Result<Option<Operation>, Error> {
    Ok(riscv::decode(run.image.xlen(), &run.instruction(pc)?))
}
