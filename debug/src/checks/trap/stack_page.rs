//! Explains a page fault below a stack of mapped pages: a frame that does not fit. It does not judge.

use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::page_table::PageTable;
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, Register, TakenTrap, csr};
use crate::riscv::cause::{LOAD_PAGE, STORE_PAGE};
use crate::riscv::page_table::PAGE;

/// How many pages above sp are looked at: a frame that is larger is none that somebody makes by mistake.
const MOST: u64 = 256;

/// Adds to a page fault of the kernel's own that sp was in no mapped page then, and right below one. `has_registers`: but for pc and sp the
/// hart still has the registers of the trap.
pub fn explain(
    run: &mut BootRun<'_>,
    finding: &mut Finding,
    trap: &TakenTrap,
    has_registers: bool,
) -> Result<(), Error> {
    let is_own = !trap.from_user && !trap.from_guest && matches!(trap.cause, LOAD_PAGE | STORE_PAGE);
    let Some(satp) = run.csr(csr::SATP)?.filter(|_| is_own) else { return Ok(()) };
    let Some(table) = PageTable::of(satp, run.image.xlen()) else { return Ok(()) };
    let lowest = trap.sp.0 & !(PAGE - 1);
    if trap.value < lowest || table.translate(run.machine, trap.sp)?.is_some() {
        return Ok(());
    }
    let mut bottom = None;
    for page in (1..=MOST).filter_map(|number| lowest.checked_add(number * PAGE)) {
        if table.translate(run.machine, Address(page))?.is_some() {
            bottom = Some(Address(page));
            break;
        }
    }
    let Some(bottom) = bottom.filter(|bottom| trap.value < bottom.0) else { return Ok(()) };
    let mut registers = run.machine.registers()?;
    (registers.pc, registers.x[usize::from(Register::SP)]) = (trap.pc.0, trap.sp.0);
    let read = &mut |address, bytes: &mut [u8]| run.machine.read_memory(address, bytes).is_ok();
    let function = if has_registers { run.image.frame_across(&registers, bottom, read) } else { None };
    let whose = match function {
        Some(place) => format!("the frame of {place}"),
        None => format!("a frame of {} or its callers", run.place(trap.pc)),
    };
    let below = bottom.0 - trap.sp.0;
    finding.summary = format!(
        "{}; sp was {below} bytes below the stack's lowest page, at {bottom}: {whose} does not fit",
        finding.summary
    );
    finding.advice = Some("map more pages for that stack, or make the frame smaller".into());
    finding.set("below_bytes", below);
    Ok(())
}
