//! Check `stack`: is sp the top of the stack before anything is stored or called?

use std::time::Duration;

use super::event::Event;
use super::finding::{Finding, Status};
use super::image::STACK_ALIGNMENT;
use super::walk::Walk;
use crate::instruction::{self, Effect};
use crate::machine::{Address, Error, Stop};

pub const NAME: &str = "stack";

/// How far from the entry sp may be set, in instructions: a boot that clears its registers and picks a hart needs dozens.
const FARTHEST: u64 = 4096;
const STEP_LIMIT: Duration = Duration::from_secs(1);
const SP: usize = 2;

/// Steps from the entry until sp is right; the event is what ended it otherwise.
pub fn check(walk: &mut Walk<'_>) -> Result<(Finding, Option<Event>), Error> {
    let top = walk.layout.stack.end;
    let name = walk.layout.names.stack_top.clone();
    let mut finding = Finding::new(NAME);
    finding.expected = format!("sp = {top} = {name}, {STACK_ALIGNMENT}-aligned, before anything is stored or called");
    // What sp was when it was last left alone: a function lowers it by its frame before its first store.
    let mut set = None;
    let mut next = walk.layout.entry;
    let entry_sp = Address(walk.machine.registers()?.x[SP]);
    for executed in 0..FARTHEST {
        let registers = walk.machine.registers()?;
        let (pc, sp) = (Address(registers.pc), Address(registers.x[SP]));
        if pc != next {
            set = Some(sp);
        }
        next = pc + instruction::decode(&walk.instruction(pc)?).map_or(4, |instruction| instruction.length);
        if executed > 0 && sp == top {
            finding.status = Status::Pass;
            finding.summary = format!("sp = {sp} = {name} after {executed} instructions");
            finding.found = format!("sp = {sp}");
            finding.location = Some(walk.place(pc));
            finding.set("sp", sp.to_string());
            finding.set("instructions", executed);
            return Ok((finding, None));
        }
        if let Some(deed) = needs_a_stack(walk.effect(pc)?) {
            let set = set.unwrap_or(sp);
            finding.summary = format!("{deed}, and sp was set to {}", difference(set, top, &name));
            if set == entry_sp {
                finding.summary = format!("{deed} before sp was set: it is the firmware's, {sp}");
            }
            finding.found = format!("sp = {set}");
            finding.location = Some(walk.place(pc));
            finding.set("sp", set.to_string());
            return Ok((finding, None));
        }
        let stop = walk.step(1, STEP_LIMIT)?.1;
        let event = match stop {
            Stop::Stepped => walk.arrival()?.map(Event::End),
            stop => walk.event(stop)?,
        };
        if let Some(event) = event {
            finding.summary = format!("the boot ended before sp was {name}");
            finding.found = format!("sp = {sp}");
            finding.location = Some(walk.place(pc));
            return Ok((finding, Some(event)));
        }
    }
    let registers = walk.machine.registers()?;
    let sp = Address(registers.x[SP]);
    finding.summary = format!("sp is not {name} after {FARTHEST} instructions");
    finding.found = format!("sp = {sp}");
    finding.location = Some(walk.place(Address(registers.pc)));
    Ok((finding, None))
}

/// What an instruction does that is wrong without a stack.
fn needs_a_stack(effect: Effect) -> Option<&'static str> {
    match effect {
        Effect::Store { .. } | Effect::Atomic { .. } => Some("a store"),
        Effect::Call(_) => Some("a call"),
        _ => None,
    }
}

fn difference(sp: Address, top: Address, name: &str) -> String {
    const NEAR: u64 = 4096;
    match (sp.0.checked_sub(top.0), top.0.checked_sub(sp.0)) {
        (Some(above @ 1..NEAR), _) => format!("{sp}, {above} bytes above {name}"),
        (_, Some(below @ 1..NEAR)) => format!("{sp}, {below} bytes below {name}"),
        _ => format!("{sp}, not {name} ({top})"),
    }
}
