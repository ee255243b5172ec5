//! Whether an exception stopped a hart that is not the followed one. It sees where such a hart stays in the end, not what it did before.

use std::time::Duration;

use super::reasons::About;
use super::words::explain;
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::event::BootEnd;
use crate::checks::boot_run::other_handlers::{Handling, LOOKS, MOMENT, OtherTrap};
use crate::checks::finding::Finding;
use crate::machine::{Error, Fault, Stop, csr};
use crate::riscv::cause::is_interrupt;

/// How long the other harts run once the followed one rests: a hart that was started right before has not begun yet.
const START: Duration = Duration::from_millis(300);

/// Explains the exception of the first hart that is still where it led. Returns whether there is one.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding, end: &BootEnd) -> Result<bool, Error> {
    use BootEnd::{Beats, HartStopped, Loop, Polls, Runs, Ticking, Wfi};
    if run.machine.harts() == 1 {
        return Ok(false);
    }
    let rests = matches!(
        end,
        Wfi | Loop { .. } | HartStopped { .. } | Ticking { .. } | Polls { .. } | Beats { .. } | Runs { .. }
    );
    if rests {
        match run.go_on(START)? {
            Stop::Exited { .. } => return Ok(false),
            // This machine tells at once, and shows that hart.
            Stop::Fault(Fault::Trap { cause, value, pc }) => {
                explain(run, finding, &About::told(cause, pc, value, false))?;
                name_hart(run, finding)?;
                run.machine.show_other(None)?;
                return Ok(true);
            }
            _ => {}
        }
    }
    let Some(lost) = find(run)?.filter(|_| rests) else { return Ok(false) };
    for _ in 1..LOOKS {
        let ended = matches!(run.go_on(MOMENT)?, Stop::Exited { .. });
        if ended || !find(run)?.is_some_and(|now| now.is_as(&lost)) {
            return Ok(false);
        }
    }
    let Some(handled) = never_gets_on(run, &lost)? else { return Ok(false) };
    let OtherTrap { other, cause, pc, value, handler, .. } = lost;
    run.machine.show_other(Some(other))?;
    explain(run, finding, &About::told(cause, pc, value, false))?;
    finding.summary = format!("{}; its handler, {}, {handled}", finding.summary, run.place(handler));
    name_hart(run, finding)?;
    run.machine.show_other(None)?;
    Ok(true)
}

/// What the handler does, where the hart does not get on from its exception. A machine is stopped where it likes to, which may be in a
/// handler each time.
fn never_gets_on(run: &mut BootRun<'_>, lost: &OtherTrap) -> Result<Option<&'static str>, Error> {
    const NEVER_RETURNED: Option<&str> = Some("never returned");
    let handling = match run.awaits_return_of(lost)? {
        // The wait may have begun behind a return. Now it begins where the handler does.
        Handling::TrapsAgain => run.awaits_return_of(lost)?,
        handling => handling,
    };
    match handling {
        Handling::Returns => Ok(run.traps_for_ever(lost)?.then_some("returns to it each time, and it traps again")),
        Handling::TrapsAgain => Ok(NEVER_RETURNED),
        Handling::Stays => {
            // A handler that is a label in the function that trapped is where the kernel goes on.
            let is_label = run.image.function(lost.handler).is_some_and(|(_, offset)| offset > 0);
            let goes_on = is_label && run.same_function(lost.handler, lost.pc);
            let stays = !goes_on && find(run)?.is_some_and(|now| now.is_as(lost));
            Ok(NEVER_RETURNED.filter(|_| stays))
        }
    }
}

/// Says which hart the finding is about: the one that is shown.
fn name_hart(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<(), Error> {
    let hart = run.csr(csr::MHARTID)?.map_or_else(|| "another hart".to_owned(), |id| format!("hart {id}"));
    finding.summary = format!("on {hart}: {}", finding.summary);
    Ok(())
}

/// Says it where the shown hart is not the one that booted.
pub fn name_another(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<(), Error> {
    let is_another = run.machine.harts() > 1 && run.csr(csr::MHARTID)?.is_some_and(|id| id != run.at_entry.a0());
    if is_another { name_hart(run, finding) } else { Ok(()) }
}

fn find(run: &mut BootRun<'_>) -> Result<Option<OtherTrap>, Error> {
    let mut found = None;
    for other in 0..run.machine.harts() {
        if found.is_some() || !run.machine.show_other(Some(other))? {
            break;
        }
        found = lost(run, other)?;
    }
    run.machine.show_other(None)?;
    Ok(found)
}

/// The exception of the shown hart, if the hart is in the function where stvec led it, or called from there, or comes there
/// for ever, or is back where it trapped.
fn lost(run: &mut BootRun<'_>, other: usize) -> Result<Option<OtherTrap>, Error> {
    let Some(trap) = run.last_trap_of(other)?.filter(|trap| !is_interrupt(trap.cause)) else { return Ok(None) };
    let registers = run.machine.registers()?;
    let frames = run.backtrace(&registers);
    let is_handling = run.stands_in(&frames, trap.handler);
    // If stvec leads back to what trapped, a firmware that passes the exception on is at work most of the time.
    let goes_round = run.same_function(trap.handler, trap.pc) && run.in_firmware()?;
    Ok((is_handling || goes_round || trap.is_back).then_some(trap))
}
