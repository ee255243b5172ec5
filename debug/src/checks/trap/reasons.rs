//! Common reasons of exceptions: floating point is off, a register needs a higher privilege, an address is the test pattern. It does
//! not judge.

use crate::checks::boot_run::{BootRun, poison};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, InstructionBytes, TakenTrap, csr};
use crate::riscv;
use crate::riscv::status::sstatus::FS;
use crate::setting::Setting;

/// The facts about a trap.
pub struct About {
    pub cause: u64,
    pub pc: Address,
    pub value: u64,
    pub from_user: bool,
    /// The instruction at that time; it is read now if it was not kept.
    pub instruction: Option<InstructionBytes>,
}

pub fn about(trap: &TakenTrap) -> About {
    let TakenTrap { cause, pc, value, from_user, instruction, .. } = *trap;
    About { cause, pc, value, from_user, instruction }
}

/// Adds a possible reason to an illegal instruction.
pub fn illegal_instruction(
    run: &mut BootRun<'_>,
    finding: &mut Finding,
    (pc, from_user): (Address, bool),
    bytes: &[u8],
) -> Result<(), Error> {
    let pc = run.image.linked(pc);
    if !from_user && !run.image.is_code(pc) && run.image.segments().iter().any(|segment| segment.contains(pc)) {
        finding.summary = format!("{}; that is not code: the hart jumped into data", finding.summary);
        finding.advice = Some("check the function pointer or return address that led there".into());
        return Ok(());
    }
    let Some(operation) = riscv::decode(run.image.xlen(), bytes) else { return Ok(()) };
    if operation.is_floating_point() && run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & FS == 0) {
        finding.summary = format!("{}; floating point is off (sstatus.FS is 0)", finding.summary);
        finding.advice = Some("set sstatus.FS first (csrs sstatus, with 1 << 13), or compile for soft float".into());
    } else if operation.is_of_machine_mode() {
        finding.summary =
            format!("{}; only M-mode may do that, and the firmware starts a kernel in S-mode", finding.summary);
        finding.advice = Some(format!(
            "take the hart's id from a0, and use the S-mode CSRs and the SBI; a kernel for M-mode needs {}",
            Setting::NoFirmware
        ));
    }
    Ok(())
}

/// Adds to an exception that its address was computed from the test pattern.
pub fn poisoned(finding: &mut Finding, address: Address) {
    if !is_poison(address.0) {
        return;
    }
    finding.summary = format!(
        "{}; that address is the test pattern (poison): a pointer was read from BSS before it was cleared, or from a stack variable that was never set",
        finding.summary
    );
    finding
        .advice
        .get_or_insert_with(|| "clear BSS before you read from it, and initialise variables on the stack".into());
}

/// Whether an address was computed from poison: it equals the pattern, or is near it, like a field of a structure.
fn is_poison(address: u64) -> bool {
    const NEAR: u64 = 64 << 10;
    let pattern = u64::from_le_bytes([poison::PATTERN; 8]);
    let word = pattern & 0xffff_ffff;
    // Four bytes are extended by zeros or by the sign. An address that is not canonical may have lost its upper bits.
    [pattern, word, word | !0xffff_ffff].into_iter().any(|poison| address.abs_diff(poison) < NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_is_known_with_an_offset_and_in_four_bytes() {
        for address in
            [0xa5a5_a5a5_a5a5_a5a5, 0xa5a5_a5a5_a5a5_a5ad, 0xa5a5_a5a5_a5a5_a5a4, 0xa5a5_a5a5, 0xffff_ffff_a5a5_a5b5]
        {
            assert!(is_poison(address), "{address:#x}");
        }
        for address in [0, 0x8020_0000, 0xa5, 0xa5a5_0000_0000, u64::MAX] {
            assert!(!is_poison(address), "{address:#x}");
        }
    }
}
