//! Check `margin`: did the stack stay above its bottom, and how deep did it go?

use super::finding::{Finding, Status};
use super::layout::bytes;
use super::walk::{Store, Walk};
use crate::machine::{Address, Error};

pub const NAME: &str = "margin";

/// For a kernel that came to its end: how much of the stack was used.
pub fn check(walk: &mut Walk<'_>) -> Result<Finding, Error> {
    let mut finding = new(walk);
    let size = bytes(&walk.layout.stack);
    let deepest = walk.stack_use.deepest(walk.machine)?;
    finding.found = format!("{deepest} bytes used of {size}");
    finding.set("deepest_bytes", deepest);
    finding.set("stack_bytes", size);
    if deepest < size {
        finding.status = Status::Pass;
        finding.summary = format!("the stack's deepest use is {deepest} of {size} bytes");
    } else {
        finding.summary = format!("the stack was used down to its last byte, all {size}, and maybe beyond");
    }
    Ok(finding)
}

/// For a kernel that is about to store below its stack, and stands there.
pub fn overflowed(walk: &mut Walk<'_>, store: &Store) -> Result<Finding, Error> {
    let mut finding = new(walk);
    let registers = walk.machine.registers()?;
    let sp = Address(registers.x[2]);
    let below = bytes(&(store.range.start..walk.layout.stack.start));
    finding.summary = format!("the stack overflows: a store {below} bytes below {}", walk.layout.stack_bottom_name);
    finding.found = format!("sp = {sp}, storing to {}", walk.place(store.range.start));
    finding.location = Some(walk.place(store.pc));
    finding.backtrace = walk.backtrace(&registers);
    finding.set("sp", sp.to_string());
    finding.set("stack_bytes", bytes(&walk.layout.stack));
    Ok(finding)
}

fn new(walk: &Walk<'_>) -> Finding {
    let mut finding = Finding::new(NAME);
    let bottom = walk.layout.stack.start;
    finding.expected = format!("no store below {bottom} = {}", walk.layout.stack_bottom_name);
    finding
}
