//! Check `trap`: no exception from the entry to the end; one is told in words.
//!
//! OpenSBI hands over with stvec = the kernel's entry, so an early trap looks like a second boot: scause, sepc and stval
//! still say what it was. A kernel with a handler of its own leaves its mark in scause, which was poisoned at the entry.
//! Source: the RISC-V privileged manual, sections on scause, sepc and stval.

use super::boot_run::store_trace::CALL_FROM_USER;
use super::boot_run::{BootRun, TRAP_CSR_POISON};
use super::finding::{Finding, Status};
use crate::machine::{Address, Error, csr};
use crate::riscv;
use crate::riscv::cause::{cause, is_interrupt};

pub const NAME: &str = "trap";

/// For a kernel that came to an end other than a trap: did it trap and go on?
pub fn check(run: &mut BootRun<'_>) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = EXPECTED.into();
    if let Some(trace) = &run.trace {
        match trace.exception {
            None => pass(&mut finding, &none_but(trace.interrupts, trace.calls)),
            Some(trap) => {
                explain(run, &mut finding, trap.cause, trap.pc, trap.value)?;
                finding.summary = format!("it trapped, and its own handler went on: {}", finding.summary);
            }
        }
        return Ok(finding);
    }
    let scause = run.csr(csr::SCAUSE)?.filter(|_| run.traps_shown);
    match scause {
        None => {
            pass(&mut finding, "no second arrival at the entry; this stub does not show the trap CSRs");
        }
        Some(TRAP_CSR_POISON) => pass(&mut finding, "none: scause is as it was left at the entry"),
        Some(scause) if is_interrupt(scause) => {
            pass(&mut finding, &format!("no exception; the last interrupt was a {}", cause(scause)));
        }
        Some(CALL_FROM_USER) => pass(&mut finding, "none but calls from U-mode"),
        // sepc is where its handler went on, which need not be the instruction that trapped.
        Some(scause) => {
            finding.summary = format!("it trapped, and its own handler went on: {}", cause(scause));
            finding.found = format!("scause = {scause:#x} ({})", cause(scause));
            finding.location = run.csr(csr::SEPC)?.map(|sepc| run.place(Address(sepc)));
            finding.set("scause", format!("{scause:#x}"));
        }
    }
    Ok(finding)
}

/// The exceptions whose stval is an address: misaligned accesses, access faults and page faults.
const ABOUT_AN_ADDRESS: [u64; 9] = [0, 1, 4, 5, 6, 7, 12, 13, 15];
const EXPECTED: &str = "no exception from the entry to the end";

fn pass(finding: &mut Finding, summary: &str) {
    finding.status = Status::Pass;
    finding.summary = summary.into();
    finding.found = summary.into();
}

/// For a hart that a trap brought back to the entry: its registers are those of the instruction that trapped.
pub fn trapped(run: &mut BootRun<'_>) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = EXPECTED.into();
    let scause = run.csr(csr::SCAUSE)?.filter(|scause| *scause != TRAP_CSR_POISON);
    let (Some(scause), Some(sepc), Some(stval)) = (scause, run.csr(csr::SEPC)?, run.csr(csr::STVAL)?) else {
        finding.summary = format!("the hart came to {} a second time, and no trap says why", run.layout.names.entry);
        finding.found = "a jump to the entry".into();
        finding.location = Some(run.place(run.layout.entry));
        return Ok(finding);
    };
    explain(run, &mut finding, scause, Address(sepc), stval)?;
    let mut trapped = run.machine.registers()?;
    trapped.pc = sepc;
    finding.backtrace = run.backtrace(&trapped);
    Ok(finding)
}

/// No exception, and how many of what is none of the kernel's faults.
fn none_but(interrupts: u64, calls: u64) -> String {
    match (interrupts, calls) {
        (0, 0) => "none: every instruction was seen".into(),
        (0, _) => format!("none but {calls} calls from U-mode"),
        (_, 0) => format!("no exception; {interrupts} interrupts"),
        _ => format!("no exception; {interrupts} interrupts and {calls} calls from U-mode"),
    }
}

/// The words for a trap's cause, in an instruction, about a value (scause, sepc, stval).
fn explain(run: &mut BootRun<'_>, finding: &mut Finding, scause: u64, pc: Address, stval: u64) -> Result<(), Error> {
    let cause = cause(scause);
    // Where the hart jumped to nowhere there is no instruction to show.
    let instruction = match run.instruction(pc) {
        Ok(bytes) => format!("`{}`", riscv::disassemble(pc, &bytes)),
        Err(Error::Refused { .. }) => "no memory".into(),
        Err(error) => return Err(error),
    };
    let about = if ABOUT_AN_ADDRESS.contains(&scause) {
        format!(", address {}", run.place(Address(stval)))
    } else {
        String::new()
    };
    finding.summary = format!("{cause}: {instruction}{about}");
    if let Some(overwritten) = run.overwritten(pc)? {
        finding.summary = format!("{}; {overwritten}", finding.summary);
    }
    finding.found = format!("scause = {scause:#x} ({cause}), sepc = {pc}, stval = {stval:#x}");
    finding.location = Some(run.place(pc));
    finding.set("scause", format!("{scause:#x}"));
    finding.set("sepc", pc.to_string());
    finding.set("stval", format!("{stval:#x}"));
    finding.set("instruction", instruction.trim_matches('`'));
    Ok(())
}
