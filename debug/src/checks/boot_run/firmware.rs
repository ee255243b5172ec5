//! Lets the firmware finish: a step that enters the firmware ends when it returns to the kernel. It does not judge.

use std::time::Duration;

use super::BootRun;
use crate::machine::{Address, Error, Stop, csr};

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
