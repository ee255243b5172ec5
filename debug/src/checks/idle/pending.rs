//! A loop that looks at the interrupts that are pending, and nobody raises one: what it waits for, in words. It does not judge.

use crate::checks::boot_run::{BootRun, near_loop};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, Register, csr};
use crate::riscv::Kind;
use crate::riscv::status::interrupt::{EXTERNAL, SOFTWARE, TIMER};

/// The registers of pending interrupts.
const PENDING: [Register; 3] = [csr::SIP, csr::MIP, csr::VSIP];

/// What the loop around `pc` waits for, if it reads such a register.
pub fn polled(run: &mut BootRun<'_>, finding: &mut Finding, pc: Address) -> Result<Option<String>, Error> {
    let around = near_loop::around(run.image, pc);
    let read = around.iter().find_map(|(at, operation)| {
        let register = Register::Csr(operation.csr());
        (matches!(operation.kind, Kind::Csr(_)) && PENDING.contains(&register)).then_some((*at, register))
    });
    let Some((at, register)) = read else { return Ok(None) };
    let held = run.csr(register)?.unwrap_or(0);
    let timer = match run.csr(csr::STIMECMP)? {
        Some(u64::MAX) => ", and no timer is set",
        _ => "",
    };
    finding.location = Some(run.place(at));
    finding.advice = Some(format!(
        "raise the interrupt that it waits for, and look at its bit in {register}: software {SOFTWARE:#x}, timer {TIMER:#x}, devices \
         {EXTERNAL:#x}"
    ));
    Ok(Some(format!(
        "it waits for an interrupt in {register}, which it reads at {}, and which holds {held:#x}{timer}",
        run.place(at)
    )))
}
