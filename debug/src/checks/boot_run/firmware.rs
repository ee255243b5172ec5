//! Lets the firmware finish: a step that enters the firmware ends when it returns to the kernel. Runs to a place, too. It does not judge.

use std::time::{Duration, Instant};

use super::BootRun;
use super::event::BootEvent;
use crate::machine::{Address, Error, Stop, csr};

/// How long a kernel may at least take from one round to the next. On a busy host that is more, as between two looks.
const ROUND: Duration = Duration::from_millis(200);

/// Whether the hart comes back to a place.
pub enum Coming {
    There,
    /// Not in time.
    Late,
    /// This happened before.
    Stopped(BootEvent),
}

/// Runs the firmware after the instruction at `pc`: a call, or a trap that the firmware takes first and passes on. If the machine
/// then stops in the kernel, this counts as a step.
pub fn leave(run: &mut BootRun<'_>, pc: Address, limit: Duration) -> Result<Stop, Error> {
    let handler = run.csr(csr::STVEC)?.map_or(pc, |stvec| Address(stvec & !3));
    match run_to(run, &[handler, pc, pc + 2, pc + 4], limit)? {
        Stop::Breakpoint => Ok(Stop::Stepped),
        stop => Ok(stop),
    }
}

/// Runs until the hart is at one of these addresses, or stops for another reason.
pub(super) fn run_to(run: &mut BootRun<'_>, places: &[Address], limit: Duration) -> Result<Stop, Error> {
    let is_new = |place: &Address| !run.marks.is_marked(*place) && *place != run.layout.entry;
    let mut added: Vec<Address> = places.iter().copied().filter(is_new).collect();
    added.sort();
    added.dedup();
    for place in &added {
        run.machine.insert_breakpoint(*place)?;
    }
    let stop = run.resume(limit)?;
    let ended = matches!(stop, Stop::Exited { .. });
    for place in added.iter().filter(|_| !ended) {
        run.machine.remove_breakpoint(*place)?;
    }
    Ok(stop)
}

/// Runs until the hart is at `place` again, past what happens on the way and ends nothing.
pub(super) fn come_to(run: &mut BootRun<'_>, place: Address) -> Result<Coming, Error> {
    let until = Instant::now() + ROUND.max(run.span());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || run.has_pending() {
            return Ok(Coming::Late);
        }
        match run_to(run, &[place], left)? {
            Stop::Breakpoint if run.machine.registers()?.pc == place.0 => return Ok(Coming::There),
            Stop::Interrupted => return Ok(Coming::Late),
            stop => {
                if let Some(event) = run.event(stop)? {
                    return Ok(Coming::Stopped(event));
                }
            }
        }
    }
}
