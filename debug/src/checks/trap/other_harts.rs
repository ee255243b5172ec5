//! Whether an exception stopped a hart that is not the followed one. It sees where such a hart stays in the end, not what it did before.

use std::time::Duration;

use super::reasons::About;
use super::words::explain;
use crate::checks::boot_run::event::BootEnd;
use crate::checks::boot_run::{BootRun, TRAP_CSR_POISON, optional};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, Fault, Registers, Stop, csr};
use crate::riscv::cause::is_interrupt;
use crate::riscv::status::sstatus::SPP;

/// How long the other harts run once the followed one rests: a hart that was started right before has not begun yet.
const START: Duration = Duration::from_millis(300);
/// How often they are looked at then, and how long they run in between: a hart in a handler may be about to leave it, for now.
const LOOKS: usize = 5;
const MOMENT: Duration = Duration::from_millis(20);
/// The longest handler that is followed to its end, in instructions.
const LONGEST: usize = 4096;

/// An exception that a hart does not get on from.
#[derive(PartialEq, Eq)]
struct Lost {
    /// The hart, as [`crate::machine::Machine::show_other`] counts.
    other: usize,
    cause: u64,
    pc: Address,
    value: u64,
    handler: Address,
    /// Where it is in its handler; `None` if it comes to it again and again.
    registers: Option<Registers>,
}

/// Explains the exception of the first hart that is still where it led. Returns whether there is one.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding, end: &BootEnd) -> Result<bool, Error> {
    if run.machine.harts() == 1 {
        return Ok(false);
    }
    let rests = matches!(end, BootEnd::Wfi | BootEnd::Loop { .. } | BootEnd::HartStopped { .. });
    if rests {
        match go_on(run, START)? {
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
    let lost = find(run)?;
    for _ in 1..LOOKS {
        if lost.is_none() || !rests || matches!(go_on(run, MOMENT)?, Stop::Exited { .. }) || find(run)? != lost {
            return Ok(false);
        }
    }
    let Some(lost) = lost else { return Ok(false) };
    if lost.registers.is_some() && gets_out(run, &lost)? {
        return Ok(false);
    }
    let Lost { other, cause, pc, value, handler, .. } = lost;
    run.machine.show_other(Some(other))?;
    explain(run, finding, &About::told(cause, pc, value, false))?;
    finding.summary = format!("{}; its handler, {}, never returned", finding.summary, run.place(handler));
    name_hart(run, finding)?;
    run.machine.show_other(None)?;
    Ok(true)
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

/// Has all harts run for so long, or until the machine stops. What they store is observed.
fn go_on(run: &mut BootRun<'_>, moment: Duration) -> Result<Stop, Error> {
    run.resume(moment)
}

/// Whether the hart comes back to the function that trapped. A machine is stopped where it likes to, which may be in a handler each time.
fn gets_out(run: &mut BootRun<'_>, lost: &Lost) -> Result<bool, Error> {
    let followed = run.csr(csr::MHARTID)?;
    run.machine.show_other(Some(lost.other))?;
    run.machine.follow();
    let (mut out, mut stepped) = (false, Stop::Stepped);
    for _ in 0..LONGEST {
        if out || stepped != Stop::Stepped {
            break;
        }
        let moment = run.limit.allow(run.machine, MOMENT);
        stepped = run.machine.step(1, moment)?.1;
        let pc = Address(run.machine.registers()?.pc);
        out = run.same_function(pc, lost.pc);
    }
    for other in 0..run.machine.harts() {
        if run.machine.show_other(Some(other))? && run.csr(csr::MHARTID)? == followed {
            run.machine.follow();
            break;
        }
    }
    Ok(out)
}

fn find(run: &mut BootRun<'_>) -> Result<Option<Lost>, Error> {
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

/// The exception of the shown hart, if the hart is in the function where stvec led it, or called from there, or comes there for ever.
fn lost(run: &mut BootRun<'_>, other: usize) -> Result<Option<Lost>, Error> {
    let values = optional(run.machine.read_registers(&[csr::SCAUSE, csr::STVEC, csr::SEPC, csr::STVAL, csr::SSTATUS]))?;
    let Some([cause, vector, pc, value, sstatus]) = values.and_then(|values| <[u64; 5]>::try_from(values).ok()) else {
        return Ok(None);
    };
    // A hart that a firmware has not started has what the poison left. What a user program does is the kernel's business.
    if cause == TRAP_CSR_POISON || is_interrupt(cause) || sstatus & SPP == 0 {
        return Ok(None);
    }
    // The address bits of stvec (privileged manual, section on stvec).
    let (handler, pc) = (Address(vector & !3), Address(pc));
    let registers = run.machine.registers()?;
    let frames = run.backtrace(&registers);
    let is_handling = frames.iter().any(|frame| run.same_function(handler, frame.address));
    // If stvec leads back to what trapped, a firmware that passes the exception on is at work most of the time.
    let goes_round = run.same_function(handler, pc);
    let is_lost = is_handling || goes_round && run.in_firmware()?;
    let registers = Some(registers).filter(|_| !goes_round);
    Ok(is_lost.then_some(Lost { other, cause, pc, value, handler, registers }))
}
