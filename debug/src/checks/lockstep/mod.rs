//! Check `lockstep`: do two machines do the same, from the entry until the kernel idles?
//!
//! After each instruction it compares all registers that both machines show, and the stored bytes; at the end all of the kernel's
//! memory. If the first machine can log while it runs, it is followed, and the state that the log lacks is compared whenever the
//! machine is stopped. Some values may differ; they are copied, and the report says so: at the entry everything that the boot
//! protocol leaves open; later values that depend on time, what the firmware says about itself, and known faults of the first
//! machine. The firmware of one machine may be code and that of the other not, so calls are compared by their results. It does not
//! know which machines they are, and it is not one of the checks that [`super::check`] makes.

mod copies;
mod entry;
mod firmware;
mod memory;
mod pair;
mod reference;
mod result;
mod state;
mod window;

use std::time::{Duration, Instant};

use super::Error;
use super::finding::{Finding, Status};
use crate::checks::boot_run::layout::Layout;
use crate::checks::boot_run::limit::Limit;
use crate::image::Image;
use crate::machine::{Address, Machine, Register};
use crate::riscv::status::USER_MODE;
use crate::riscv::{self, Effect};
use crate::setting::Setting;
use pair::{Pair, Step};
use result::{Divergence, Stats};
use state::{Executed, State};

/// The check's name.
pub const NAME: &str = "lockstep";

/// How both machines came to rest.
enum Rest {
    Wfi,
    Loop,
    Ended,
    /// Both trapped, and the kernel has no handler.
    Trap(u64),
}

/// The result of the comparison.
enum Comparison {
    Same(Rest),
    /// After this instruction, if it was one.
    Diverged(Divergence, Option<(Address, Vec<u8>)>),
    TimeOver(Address),
}

/// Boots two machines that are at reset, and compares the second with the first.
///
/// # Errors
/// If a machine does not respond, is not at reset, or lacks something that the kernel needs.
pub fn lockstep(
    machines: [&mut dyn Machine; 2],
    image: &Image,
    layout: &Layout,
    timeout: Duration,
) -> Result<Finding, Error> {
    let (deadline, limit) = (Instant::now() + timeout, Limit::of_time(timeout));
    // The firmware jumps to where the kernel is loaded; a kernel of a higher half is linked elsewhere.
    let layout = &Layout { entry: image.physical(layout.entry), ..layout.clone() };
    let [reference, other] = machines;
    for machine in [&mut *reference, &mut *other] {
        if let Err(missing) = super::arrive(machine, image, layout, None, &limit)? {
            return Ok(super::handoff::never_arrived(image, layout, &missing));
        }
        machine.remove_breakpoint(layout.entry).map_err(Error::Machine)?;
    }
    let mut pair = Pair::begin(reference, other, layout, image.xlen(), deadline)?;
    let outcome = run(&mut pair, image, deadline)?;
    let mut finding = pair.finding(NAME);
    match outcome {
        Comparison::Same(rest) => {
            finding.status = Status::Pass;
            finding.summary = format!("{}, up to {}", pair.stats.account(pair.names()), rest.describe());
            finding.found = format!("{}; {}", finding.summary, pair.stats.exceptions());
        }
        Comparison::Diverged(divergence, instruction) => {
            divergence.describe(&mut finding, pair.names(), image, instruction)
        }
        Comparison::TimeOver(pc) => {
            // Nothing differs, so the check passes.
            finding.status = Status::Pass;
            let Stats { instructions, .. } = pair.stats;
            finding.summary = format!(
                "the same for {instructions} instructions, until the time limit; try: a longer {}",
                Setting::Timeout
            );
            finding.found =
                format!("the kernel did not idle within {} ms; {}", timeout.as_millis(), pair.stats.exceptions());
            finding.location = Some(image.place(pc));
        }
    }
    Ok(finding)
}

fn run(pair: &mut Pair<'_>, image: &Image, deadline: Instant) -> Result<Comparison, Error> {
    let mut state = match pair.start(image)? {
        Ok(state) => state,
        Err(divergence) => return Ok(Comparison::Diverged(divergence, None)),
    };
    let mut detector = LoopDetector::new(&state);
    let rest = loop {
        if Instant::now() >= deadline {
            if !pair.reference.is_running() {
                return Ok(Comparison::TimeOver(state.pc()));
            }
            pair.reference.stop()?;
        }
        let bytes = pair.instruction(state.pc())?;
        let effect = riscv::decode(image.xlen(), &bytes).map_or(Effect::Other, |operation| operation.effect());
        // In U-mode it traps.
        if effect == Effect::Wfi && pair.compared.value(&state, Register::Priv) != Some(USER_MODE) {
            break Rest::Wfi;
        }
        match pair.step(&Executed { before: &state, bytes: &bytes, effect })? {
            Step::Same { state: next, changed_memory } => {
                if detector.closes(&next, changed_memory || pair.may_change(&next, &bytes)) {
                    break Rest::Loop;
                }
                state = next;
            }
            Step::Rest(rest) => break rest,
            Step::Diverged(divergence) => return Ok(Comparison::Diverged(divergence, Some((state.pc(), bytes)))),
            Step::TimeOver => return Ok(Comparison::TimeOver(state.pc())),
        }
    };
    if matches!(rest, Rest::Ended) {
        return Ok(Comparison::Same(rest));
    }
    let stands = pair.reference.settle(&pair.compared, &state)?;
    // A loop that changes nothing leaves memory as it is, wherever in it the machine stands.
    if !stands && !matches!(rest, Rest::Loop) {
        pair.stats.memory_moved_on = true;
        return Ok(Comparison::Same(rest));
    }
    let divergence = pair.compare_stores()?;
    let divergence = if divergence.is_some() { divergence } else { pair.compare_memory(image)? };
    Ok(divergence.map_or(Comparison::Same(rest), |divergence| Comparison::Diverged(divergence, None)))
}

/// Detects an infinite loop: the same state again, without a store that changed memory. (Brent's algorithm: the state to compare
/// with is renewed at growing distances.)
struct LoopDetector {
    awaited: State,
    since: u64,
    renewed_at: u64,
}

impl LoopDetector {
    fn new(state: &State) -> LoopDetector {
        LoopDetector { awaited: state.clone(), since: 0, renewed_at: 1 }
    }

    fn closes(&mut self, state: &State, changed_memory: bool) -> bool {
        if !changed_memory && *state == self.awaited {
            return true;
        }
        self.since += 1;
        if changed_memory || self.since >= self.renewed_at {
            let renewed_at = if changed_memory { 1 } else { self.renewed_at.saturating_mul(2) };
            *self = LoopDetector { awaited: state.clone(), since: 0, renewed_at };
        }
        false
    }
}

impl Rest {
    fn describe(&self) -> String {
        match self {
            Rest::Wfi => "a wfi".into(),
            Rest::Loop => "a loop that changes no state".into(),
            Rest::Ended => "the machine's end".into(),
            Rest::Trap(scause) => format!("a trap without a handler ({})", crate::riscv::cause::cause(*scause)),
        }
    }
}
