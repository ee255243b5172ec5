//! Check `idle`: does the kernel come to rest, in a loop that provably repeats or by powering off, and not in a panic?

use super::boot_run::BootRun;
use super::boot_run::event::{BootEnd, with_status};
use super::boot_run::panic;
use super::finding::{Finding, Status};
use crate::machine::{Address, Error, Register, csr};

pub const NAME: &str = "idle";

const MACHINE_MODE: u64 = 3;

/// For a kernel that came to `end`, which is not a trap.
pub fn check(run: &mut BootRun<'_>, end: &BootEnd) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = "a wfi, a loop that changes nothing, or power-off; no panic".into();
    if let BootEnd::Exited { status } = end {
        finding.summary = format!("powers off{}", with_status(*status));
        finding.found = finding.summary.clone();
        if status.is_none_or(|status| status == 0) {
            finding.status = Status::Pass;
        }
        return Ok(finding);
    }
    let registers = run.machine.registers()?;
    let in_firmware = run.csr(Register::Priv)? == Some(MACHINE_MODE);
    let place = match run.csr(csr::MEPC)?.map(Address) {
        // The kernel's part in it is the call.
        Some(call) if in_firmware && run.image.is_code(call) => run.place(call),
        _ => run.place(Address(registers.pc)),
    };
    if !in_firmware {
        finding.backtrace = run.backtrace(&registers);
    }
    let (status, summary) = match end {
        BootEnd::PowerOff => (Status::Pass, "powers off".into()),
        BootEnd::Reset => (Status::Fail, "it resets the machine instead of coming to rest".into()),
        BootEnd::Wfi | BootEnd::Loop { .. } if in_firmware => {
            (Status::Fail, "the firmware has the hart, and keeps it".into())
        }
        BootEnd::Wfi => (Status::Pass, "waits for interrupts (wfi)".into()),
        BootEnd::Loop { instructions: 1 } => (Status::Pass, "jumps to itself for ever".into()),
        BootEnd::Loop { instructions } => {
            (Status::Pass, format!("goes round in {instructions} instructions that change nothing"))
        }
        _ => (Status::Fail, "it still runs when time is up".into()),
    };
    finding.status = status;
    finding.found = summary.clone();
    finding.summary = summary;
    finding.location = Some(place);
    if !matches!(end, BootEnd::PowerOff | BootEnd::Reset) {
        look_for_panic(run, &mut finding)?;
    }
    if finding.status == Status::Pass {
        finding.backtrace.clear();
    }
    Ok(finding)
}

/// A kernel that rests in its panic handler does not idle.
fn look_for_panic(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<(), Error> {
    if let Some(panic) = panic::recorded(run)? {
        finding.status = Status::Fail;
        finding.summary = format!("it panicked at {}: {}", panic.location, panic.message);
        finding.found = finding.summary.clone();
        finding.set("panic_message", panic.message);
        finding.set("panic_location", panic.location);
    } else if let Some(handler) = panic::handler(&finding.backtrace) {
        finding.summary = format!("it rests in its panic handler, {handler}");
        finding.found = finding.summary.clone();
        finding.status = Status::Fail;
    }
    Ok(())
}
