//! Explains an exception by PMP, in a kernel that starts in M-mode: the entry that forbids the access, or that there is none. It does not
//! judge.
//!
//! Source: the privileged manual, section "Physical Memory Protection".

use super::reasons::About;
use crate::checks::boot_run::{BootRun, machine_mode};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, csr};
use crate::riscv::cause::{ILLEGAL_INSTRUCTION, INSTRUCTION_ACCESS, LOAD_ACCESS, STORE_ACCESS};
use crate::riscv::pmp::{EXECUTE, READ, Rules, WRITE};
use crate::riscv::status::MACHINE_MODE;
use crate::riscv::status::mstatus::MPP_SHIFT;
use crate::riscv::{self, Kind};

const OPEN_ALL: &str = "before mret, open all memory: pmpaddr0 = -1 >> 10, pmpcfg0 = 0xf (TOR, read, write, execute)";

/// Adds to an access fault which entry forbids it; and to an `mret` that trapped, or to the first instruction behind it, that there is no
/// entry. QEMU 7.2 calls that `mret` an illegal instruction, later ones an access fault.
pub fn explain(run: &mut BootRun<'_>, finding: &mut Finding, trap: &About, bytes: Option<&[u8]>) -> Result<(), Error> {
    let asked = match trap.cause {
        INSTRUCTION_ACCESS | ILLEGAL_INSTRUCTION => EXECUTE,
        LOAD_ACCESS => READ,
        STORE_ACCESS => WRITE,
        _ => return Ok(()),
    };
    if !machine_mode::starts_there(run.image, run.layout.entry) {
        return Ok(());
    }
    let is_mret = bytes
        .and_then(|bytes| riscv::decode(run.image.xlen(), bytes))
        .is_some_and(|operation| operation.kind == Kind::Mret);
    let rules = machine_mode::protection(run.machine, run.image.xlen());
    let no_entry = rules.as_ref().is_none_or(Rules::is_empty);
    let behind_mret = trap.cause == INSTRUCTION_ACCESS && run.image.is_code(run.image.linked(trap.pc));
    if asked == EXECUTE && no_entry && (is_mret || behind_mret) {
        finding.summary = format!("{}; no PMP entry is set, so only M-mode may use memory", finding.summary);
        finding.advice = Some(OPEN_ALL.into());
        return Ok(());
    }
    let in_machine_mode =
        !trap.from_user && run.csr(csr::MSTATUS)?.is_none_or(|mstatus| mstatus >> MPP_SHIFT & 3 == MACHINE_MODE);
    let is_physical = in_machine_mode || run.csr(csr::SATP)? == Some(0);
    let Some(rules) = rules.filter(|_| trap.cause != ILLEGAL_INSTRUCTION && is_physical) else { return Ok(()) };
    if rules.permit(trap.value, 1, asked, in_machine_mode) {
        return Ok(());
    }
    let Some(rule) = rules.deciding(trap.value, 1) else {
        finding.summary = format!("{}; no PMP entry has that address, so only M-mode may use it", finding.summary);
        finding.advice = Some("add a PMP entry with that address and the permission before mret".into());
        return Ok(());
    };
    let letter = match rule.lacks(asked) {
        EXECUTE => "X",
        READ => "R",
        _ => "W",
    };
    let (index, start, end) = (rule.index, Address(*rule.range.start()), Address(rule.range.end().wrapping_add(1)));
    let locked = if rule.is_locked() { ", and L is 1: it binds M-mode, too" } else { "" };
    finding.summary =
        format!("{}; PMP entry {index} ({start} to {end}) forbids it: {letter} is 0{locked}", finding.summary);
    finding.advice = Some(format!(
        "compare pmpaddr{index} and the configuration of entry {index} with who is to use that memory; the first entry that has an address decides"
    ));
    Ok(())
}
