//! Check `lockstep`: do two machines do the same, from the entry to where the kernel rests?
//!
//! Each executes one instruction, then all registers that both show are compared, and the bytes that the instruction stored.
//! At the end all memory of the kernel is compared, for whatever came past that. What may differ is made the same at the
//! entry and told: registers that the firmware leaves as it likes, and the device tree; later, what a program reads from the
//! counters of time and work, and what the firmware says of itself. The firmware of one machine may be code and of the other not:
//! calls are compared by what came of them. It does not know which machines they are, and it is none of the checks that [`super::check`] makes.

mod entry;
mod firmware;
mod pair;
mod parting;
mod reference;
mod state;
mod tally;

use std::time::{Duration, Instant};

use super::Error;
use super::finding::{Finding, Status};
use super::layout::Layout;
use crate::image::Image;
use crate::instruction::{self, Effect};
use crate::machine::{Address, Machine};
use pair::{Pair, Step};
use parting::Parting;
use state::State;

pub const NAME: &str = "lockstep";

/// How the two came to rest, together.
enum Rest {
    Wfi,
    Loop,
    Ended,
    /// Both trapped, with nobody to take it.
    Trap(u64),
}

/// What the comparison came to.
enum Outcome {
    Same(Rest),
    /// After the instruction, where it was one.
    Parted(Parting, Option<(Address, Vec<u8>)>),
    TimeOver(State),
}

/// Walks two machines that stand at reset, the second to be judged by the first.
///
/// # Errors
/// Where one does not answer, or is not at reset, or lacks what the kernel needs.
pub fn lockstep(
    machines: [&mut dyn Machine; 2],
    image: &Image,
    layout: &Layout,
    timeout: Duration,
) -> Result<Finding, Error> {
    let deadline = Instant::now() + timeout;
    let [reference, other] = machines;
    for machine in [&mut *reference, &mut *other] {
        if let Some(pc) = super::arrive(machine, image, layout, deadline)? {
            return Ok(super::handoff::never_arrived(image, layout, pc));
        }
        machine.remove_breakpoint(layout.entry).map_err(Error::Machine)?;
    }
    let mut pair = Pair::begin(reference, other, layout, deadline)?;
    let outcome = walk(&mut pair, image, deadline)?;
    let mut finding = pair.finding(NAME);
    match outcome {
        Outcome::Same(rest) => {
            finding.status = Status::Pass;
            finding.summary = format!("{}, up to {}", pair.tally.account(pair.names()), rest.describe());
            finding.found = format!("{}; {}", finding.summary, pair.tally.exceptions());
        }
        Outcome::Parted(parting, instruction) => parting.describe(&mut finding, pair.names(), image, instruction),
        Outcome::TimeOver(state) => {
            finding.summary = format!("{}, and time was up; --timeout gives it more", pair.tally.account(pair.names()));
            finding.found = format!("no rest within {} ms", timeout.as_millis());
            finding.location = Some(image.place(state.pc()));
        }
    }
    Ok(finding)
}

fn walk(pair: &mut Pair<'_>, image: &Image, deadline: Instant) -> Result<Outcome, Error> {
    let mut state = match pair.start()? {
        Ok(state) => state,
        Err(parting) => return Ok(Outcome::Parted(parting, None)),
    };
    let mut circle = Circle::new(&state);
    let rest = loop {
        if Instant::now() >= deadline {
            return Ok(Outcome::TimeOver(state));
        }
        let bytes = pair.instruction(state.pc())?;
        let effect = instruction::decode(&bytes).map_or(Effect::Other, |instruction| instruction.effect);
        if effect == Effect::Wfi {
            break Rest::Wfi;
        }
        match pair.step(&state, &bytes, effect)? {
            Step::Same { state: next, changed_memory } => {
                if circle.closes(&next, changed_memory) {
                    break Rest::Loop;
                }
                state = next;
            }
            Step::Rest(rest) => break rest,
            Step::Parted(parting) => return Ok(Outcome::Parted(parting, Some((state.pc(), bytes)))),
        }
    };
    if matches!(rest, Rest::Ended) {
        return Ok(Outcome::Same(rest));
    }
    Ok(pair.compare_memory(image)?.map_or(Outcome::Same(rest), |parting| Outcome::Parted(parting, None)))
}

/// Finds that a kernel goes round: the same state again, and no store in between that changed memory. (Brent's algorithm:
/// the state that is waited for is renewed at growing distances.)
struct Circle {
    awaited: State,
    since: u64,
    renewed_at: u64,
}

impl Circle {
    fn new(state: &State) -> Circle {
        Circle { awaited: state.clone(), since: 0, renewed_at: 1 }
    }

    fn closes(&mut self, state: &State, changed_memory: bool) -> bool {
        if !changed_memory && *state == self.awaited {
            return true;
        }
        self.since += 1;
        if changed_memory || self.since >= self.renewed_at {
            let renewed_at = if changed_memory { 1 } else { self.renewed_at.saturating_mul(2) };
            *self = Circle { awaited: state.clone(), since: 0, renewed_at };
        }
        false
    }
}

impl Rest {
    fn describe(&self) -> String {
        match self {
            Rest::Wfi => "a wfi".into(),
            Rest::Loop => "a loop that changes nothing".into(),
            Rest::Ended => "the machine's end".into(),
            Rest::Trap(scause) => format!("a trap that nobody takes ({})", crate::cause::cause(*scause)),
        }
    }
}
