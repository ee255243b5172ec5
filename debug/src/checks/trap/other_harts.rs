//! Whether an exception stopped a hart that is not the followed one. It sees where such a hart is in the end, not what it did before.

use std::time::Duration;

use super::reasons::About;
use super::words::explain;
use crate::checks::boot_run::event::BootEnd;
use crate::checks::boot_run::{BootRun, TRAP_CSR_POISON};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, Register, Stop, csr};
use crate::riscv::cause::{USER_CALL, is_interrupt};
use crate::riscv::status::USER_MODE;

/// How long the other harts run once the followed one rests: a hart that was started right before has not begun yet.
const START: Duration = Duration::from_millis(100);

/// Explains the first hart that is still where its exception led it. Returns whether there is one.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding, end: &BootEnd) -> Result<bool, Error> {
    let mut found = false;
    if run.machine.harts() == 1 {
        return Ok(false);
    }
    let rests = matches!(end, BootEnd::Wfi | BootEnd::Loop { .. } | BootEnd::HartStopped { .. });
    if rests && let Stop::Exited { .. } = run.machine.resume(START)? {
        return Ok(false);
    }
    for other in 0..run.machine.harts() {
        if !run.machine.show_other(Some(other))? {
            break;
        }
        found = is_lost(run, finding)?;
        if found {
            break;
        }
    }
    run.machine.show_other(None)?;
    Ok(found)
}

/// Whether the shown hart took an exception and is in the function where stvec led it, or called from there, or comes there for ever.
fn is_lost(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<bool, Error> {
    let (Some(cause), Some(vector)) = (run.csr(csr::SCAUSE)?, run.csr(csr::STVEC)?) else { return Ok(false) };
    // A hart that a firmware has not started has what the poison left.
    if cause == TRAP_CSR_POISON
        || is_interrupt(cause)
        || cause == USER_CALL
        || run.csr(Register::Priv)? == Some(USER_MODE)
    {
        return Ok(false);
    }
    // The address bits of stvec (privileged manual, section on stvec).
    let handler = Address(vector & !3);
    let (Some(pc), Some(value)) = (run.csr(csr::SEPC)?, run.csr(csr::STVAL)?) else { return Ok(false) };
    let registers = run.machine.registers()?;
    let frames = run.backtrace(&registers);
    let is_handling = frames.iter().any(|frame| run.same_function(handler, frame.address));
    // A firmware that passes an exception on is most of the time in between, if stvec leads back to what trapped.
    let goes_round = run.in_firmware()? && run.same_function(handler, Address(pc));
    if !is_handling && !goes_round {
        return Ok(false);
    }
    explain(run, finding, &About { cause, pc: Address(pc), value, from_user: false, instruction: None })?;
    let hart = run.csr(csr::MHARTID)?.map_or_else(|| "another hart".to_owned(), |id| format!("hart {id}"));
    finding.summary = format!("on {hart}: {}; its handler, {}, never returned", finding.summary, run.place(handler));
    Ok(true)
}
