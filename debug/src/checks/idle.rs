//! Check `idle`: does the kernel come to rest, in a loop that provably repeats or by powering off, and not in a panic?

use super::event::{End, with_status};
use super::finding::{Finding, Status};
use super::panic;
use super::walk::Walk;
use crate::machine::{Address, Error, Register, csr};

pub const NAME: &str = "idle";

const MACHINE_MODE: u64 = 3;

/// For a kernel that came to `end`, which is not a trap.
pub fn check(walk: &mut Walk<'_>, end: &End) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = "a wfi, a loop that changes nothing, or power-off; no panic".into();
    if let End::Exited { status } = end {
        finding.summary = format!("the machine ended by itself{}", with_status(*status));
        finding.found = finding.summary.clone();
        return Ok(finding);
    }
    let registers = walk.machine.registers()?;
    let in_firmware = walk.csr(Register::Priv)? == Some(MACHINE_MODE);
    let place = match walk.csr(csr::MEPC)?.map(Address) {
        // The kernel's part in it is the call.
        Some(call) if in_firmware && walk.image.is_code(call) => walk.place(call),
        _ => walk.place(Address(registers.pc)),
    };
    if !in_firmware {
        finding.backtrace = walk.backtrace(&registers);
    }
    let (status, summary) = match end {
        End::PowerOff => (Status::Pass, "powers off".into()),
        End::Reset => (Status::Fail, "it resets the machine instead of coming to rest".into()),
        End::Wfi | End::Loop { .. } if in_firmware => (Status::Fail, "the firmware has the hart, and keeps it".into()),
        End::Wfi => (Status::Pass, "waits for interrupts (wfi)".into()),
        End::Loop { instructions: 1 } => (Status::Pass, "jumps to itself for ever".into()),
        End::Loop { instructions } => {
            (Status::Pass, format!("goes round in {instructions} instructions that change nothing"))
        }
        _ => (Status::Fail, "it still runs when time is up".into()),
    };
    finding.status = status;
    finding.found = summary.clone();
    finding.summary = summary;
    finding.location = Some(place);
    if !matches!(end, End::PowerOff | End::Reset) {
        look_for_panic(walk, &mut finding)?;
    }
    if finding.status == Status::Pass {
        finding.backtrace.clear();
    }
    Ok(finding)
}

/// A kernel that rests in its panic handler does not idle.
fn look_for_panic(walk: &mut Walk<'_>, finding: &mut Finding) -> Result<(), Error> {
    if let Some(panic) = panic::recorded(walk)? {
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
