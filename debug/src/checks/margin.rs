//! Check `margin`: did the stack stay above its bottom, and how deep did it go?

use super::boot_run::BootRun;
use super::boot_run::event::PendingStore;
use super::boot_run::layout::bytes;
use super::finding::{Finding, Status};
use crate::machine::{Address, Error};

pub const NAME: &str = "margin";

/// For a kernel that came to its end: how much of the stack was used.
pub fn check(run: &mut BootRun<'_>) -> Result<Finding, Error> {
    let mut finding = new(run);
    let size = bytes(&run.layout.stack);
    if let Some(store) = run.trace.as_ref().and_then(|trace| trace.overflow) {
        describe_overflow(run, &mut finding, store.address, store.pc, store.sp);
        return Ok(finding);
    }
    let seen = run.trace.as_ref().map(|trace| trace.deepest);
    let deepest = match seen {
        Some(store) => store.map_or(0, |store| bytes(&(store.address..run.layout.stack.end))),
        None => run.stack_use.deepest(run.machine)?,
    };
    if let Some(store) = seen.flatten() {
        finding.location = Some(run.place(store.pc));
    }
    finding.found = format!("{deepest} bytes used of {size}");
    finding.set("deepest_bytes", deepest);
    finding.set("stack_bytes", size);
    // Poison that is all gone does not tell a stack that was just full from one that overflowed; a trace of all stores does.
    if deepest < size || run.trace.is_some() {
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
pub fn overflowed(run: &mut BootRun<'_>, store: &PendingStore) -> Result<Finding, Error> {
    let mut finding = new(run);
    let registers = run.machine.registers()?;
    describe_overflow(run, &mut finding, store.range.start, store.pc, Address(registers.x[2]));
    finding.backtrace = run.backtrace(&registers);
    Ok(finding)
}

fn describe_overflow(run: &BootRun<'_>, finding: &mut Finding, address: Address, pc: Address, sp: Address) {
    let below = bytes(&(address..run.layout.stack.start));
    finding.summary = format!("the stack overflows: a store {below} bytes below {}", run.layout.stack_bottom_name);
    finding.found = format!("sp = {sp}, storing to {}", run.place(address));
    finding.location = Some(run.place(pc));
    finding.set("sp", sp.to_string());
    finding.set("stack_bytes", bytes(&run.layout.stack));
}

fn new(run: &BootRun<'_>) -> Finding {
    let mut finding = Finding::new(NAME);
    let bottom = run.layout.stack.start;
    finding.expected = format!("no store below {bottom} = {}", run.layout.stack_bottom_name);
    finding
}
