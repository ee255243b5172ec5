//! Check `stack`: is sp the top of the stack before anything is stored or called?

use std::time::Duration;

use super::boot_run::BootRun;
use super::boot_run::event::BootEvent;
use super::finding::{Finding, Status};
use super::image::STACK_ALIGNMENT;
use crate::machine::{Address, Error, Stop};
use crate::riscv::{self, Effect, Xlen};

pub const NAME: &str = "stack";

/// How far from the entry sp may be set, in instructions: a boot that clears its registers and picks a hart needs dozens.
const FARTHEST: u64 = 4096;
const STEP_LIMIT: Duration = Duration::from_secs(1);
const SP: usize = 2;

/// Steps from the entry until sp is right; the event is what ended it otherwise.
pub fn check(run: &mut BootRun<'_>) -> Result<(Finding, Option<BootEvent>), Error> {
    let top = run.layout.stack.end;
    let name = run.layout.names.stack_top.clone();
    let mut finding = Finding::new(NAME);
    finding.expected = format!("sp = {top} = {name}, {STACK_ALIGNMENT}-aligned, before anything is stored or called");
    // What sp was when it was last left alone: a function lowers it by its frame before its first store.
    let mut set = None;
    let mut next = run.layout.entry;
    let entry_sp = Address(run.machine.registers()?.x[SP]);
    for executed in 0..FARTHEST {
        let registers = run.machine.registers()?;
        let (pc, sp) = (Address(registers.pc), Address(registers.x[SP]));
        if pc != next {
            set = Some(sp);
        }
        next = pc + riscv::decode(Xlen::Rv64, &run.instruction(pc)?).map_or(4, |operation| operation.length.into());
        if executed > 0 && sp == top {
            finding.status = Status::Pass;
            finding.summary = format!("sp = {sp} = {name} after {executed} instructions");
            finding.found = format!("sp = {sp}");
            finding.location = Some(run.place(pc));
            finding.set("sp", sp.to_string());
            finding.set("instructions", executed);
            return Ok((finding, None));
        }
        if let Some(deed) = needs_a_stack(run.effect(pc)?) {
            let set = set.unwrap_or(sp);
            finding.summary = format!("{deed}, and sp was set to {}", difference(set, top, &name));
            if set == entry_sp {
                finding.summary = format!("{deed} before sp was set: it is the firmware's, {sp}");
            }
            finding.found = format!("sp = {set}");
            finding.location = Some(run.place(pc));
            finding.set("sp", set.to_string());
            return Ok((finding, None));
        }
        let stop = run.step(1, STEP_LIMIT)?.1;
        let event = match stop {
            Stop::Stepped => run.arrival()?.map(BootEvent::End),
            stop => run.event(stop)?,
        };
        if let Some(event) = event {
            finding.summary = format!("the boot ended before sp was {name}");
            finding.found = format!("sp = {sp}");
            finding.location = Some(run.place(pc));
            return Ok((finding, Some(event)));
        }
    }
    let registers = run.machine.registers()?;
    let sp = Address(registers.x[SP]);
    finding.summary = format!("sp is not {name} after {FARTHEST} instructions");
    finding.found = format!("sp = {sp}");
    finding.location = Some(run.place(Address(registers.pc)));
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
