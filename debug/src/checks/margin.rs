//! Check `margin`: did the stack stay above its bottom, and how deep did it go?

use super::event::Store;
use super::finding::{Finding, Status};
use super::layout::bytes;
use super::walk::Walk;
use crate::machine::{Address, Error};

pub const NAME: &str = "margin";

/// For a kernel that came to its end: how much of the stack was used.
pub fn check(walk: &mut Walk<'_>) -> Result<Finding, Error> {
    let mut finding = new(walk);
    let size = bytes(&walk.layout.stack);
    if let Some(store) = walk.witness.as_ref().and_then(|witness| witness.overflow) {
        describe_overflow(walk, &mut finding, store.address, store.pc, store.sp);
        return Ok(finding);
    }
    let seen = walk.witness.as_ref().map(|witness| witness.deepest);
    let deepest = match seen {
        Some(store) => store.map_or(0, |store| bytes(&(store.address..walk.layout.stack.end))),
        None => walk.stack_use.deepest(walk.machine)?,
    };
    if let Some(store) = seen.flatten() {
        finding.location = Some(walk.place(store.pc));
    }
    finding.found = format!("{deepest} bytes used of {size}");
    finding.set("deepest_bytes", deepest);
    finding.set("stack_bytes", size);
    // Poison that is all gone does not tell a stack that was just full from one that overflowed; a witness does.
    if deepest < size || walk.witness.is_some() {
        finding.status = Status::Pass;
        let function = finding.location.as_ref().and_then(|place| place.symbol.as_ref());
        let by = function.map_or(String::new(), |(name, _)| format!(", in {name}"));
        finding.summary = format!("the stack's deepest use is {deepest} of {size} bytes{by}");
    } else {
        finding.summary = format!("the stack was used down to its last byte, all {size}, and maybe beyond");
    }
    Ok(finding)
}

/// For a kernel that is about to store below its stack, and stands there.
pub fn overflowed(walk: &mut Walk<'_>, store: &Store) -> Result<Finding, Error> {
    let mut finding = new(walk);
    let registers = walk.machine.registers()?;
    describe_overflow(walk, &mut finding, store.range.start, store.pc, Address(registers.x[2]));
    finding.backtrace = walk.backtrace(&registers);
    Ok(finding)
}

fn describe_overflow(walk: &Walk<'_>, finding: &mut Finding, address: Address, pc: Address, sp: Address) {
    let below = bytes(&(address..walk.layout.stack.start));
    finding.summary = format!("the stack overflows: a store {below} bytes below {}", walk.layout.stack_bottom_name);
    finding.found = format!("sp = {sp}, storing to {}", walk.place(address));
    finding.location = Some(walk.place(pc));
    finding.set("sp", sp.to_string());
    finding.set("stack_bytes", bytes(&walk.layout.stack));
}

fn new(walk: &Walk<'_>) -> Finding {
    let mut finding = Finding::new(NAME);
    let bottom = walk.layout.stack.start;
    finding.expected = format!("no store below {bottom} = {}", walk.layout.stack_bottom_name);
    finding
}
