//! Common reasons of exceptions: floating point is off, a register needs a higher privilege, an address is the test pattern. It does
//! not judge.

use super::pointer;
use crate::checks::boot_run::{BootRun, machine_mode, poison};
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, InstructionBytes, Register, TakenTrap, csr};
use crate::riscv::cause::{
    ILLEGAL_INSTRUCTION, INSTRUCTION_ACCESS, LOAD_ACCESS, STORE_ACCESS, VIRTUAL_INSTRUCTION, has_address, is_of_fetch,
};
use crate::riscv::status::sstatus::{FS, SPP};
use crate::riscv::status::{hstatus, mstatus};
use crate::riscv::{self, Effect, Extension, Kind, board};
use crate::setting::Setting;

/// The facts about a trap.
pub struct About {
    pub cause: u64,
    pub pc: Address,
    pub value: u64,
    pub from_user: bool,
    /// A guest trapped.
    pub from_guest: bool,
    /// What a guest-page fault is about, where the machine tells.
    pub guest_physical: Option<Address>,
    /// The instruction at that time; it is read now if it was not kept.
    pub instruction: Option<InstructionBytes>,
}

pub fn about(trap: &TakenTrap) -> About {
    let TakenTrap { cause, pc, value, from_user, from_guest, guest_physical, instruction, .. } = *trap;
    About { cause, pc, value, from_user, from_guest, guest_physical, instruction }
}

impl About {
    /// What the trap's CSRs tell.
    pub fn told(cause: u64, pc: Address, value: u64, from_user: bool) -> About {
        About { cause, pc, value, from_user, from_guest: false, guest_physical: None, instruction: None }
    }
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
        if !pointer::explain(run, finding, pc)? {
            finding.advice = Some("check the function pointer or return address that led there".into());
        }
        return Ok(());
    }
    let returned = bytes.starts_with(&[0, 0]) && run.machine.registers()?.ra() == pc;
    if returned && !from_user {
        finding.summary = format!("{}; a call returned to it, and there is no code behind the call", finding.summary);
        finding.advice = Some("put a loop behind the call: 1: wfi; j 1b".into());
        return Ok(());
    }
    let Some(operation) = riscv::decode(run.image.xlen(), bytes) else { return Ok(()) };
    if let Some(extension) = operation.kind.extension() {
        let (name, about) = (extension.name(), extension.about());
        let off = if extension == Extension::Vector { ", or it is off (sstatus.VS is 0)" } else { ", or it is off" };
        finding.summary = format!(
            "{}; an instruction of extension {name} ({about}): this hart does not have it{off}",
            finding.summary
        );
        finding.advice = Some(format!(
            "compile without it (-march=rv64gc), or give QEMU's hart the extension: {}, with {name}=true",
            Setting::Cpu
        ));
        return Ok(());
    }
    let in_machine_mode = machine_mode::starts_there(run.image, run.layout.entry);
    if operation.is_floating_point() && run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & FS == 0) {
        finding.summary = format!("{}; floating point is off (sstatus.FS is 0)", finding.summary);
        finding.advice = Some("set sstatus.FS first (csrs sstatus, with 1 << 13), or compile for soft float".into());
    } else if operation.is_of_machine_mode() && !in_machine_mode {
        finding.summary =
            format!("{}; only M-mode may do that, and the firmware starts a kernel in S-mode", finding.summary);
        finding.advice = Some(format!(
            "take the hart's id from a0, and use the S-mode CSRs and the SBI; a kernel for M-mode needs {}",
            Setting::NoFirmware
        ));
    } else if operation.is_privileged() && run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SPP == 0) {
        finding.summary = format!("{}; the hart is in U-mode, which may not do that", finding.summary);
        finding.advice = Some(
            "before the mret or sret that led there, set mstatus.MPP (bits 11 and 12) or sstatus.SPP (bit 8) to the mode that it is to go to"
                .into(),
        );
    }
    Ok(())
}

/// What is, or is not, at the physical address of an access fault, as the end of a sentence.
pub fn region(run: &mut BootRun<'_>, cause: u64, address: Address) -> Result<Option<String>, Error> {
    let is_access = [INSTRUCTION_ACCESS, LOAD_ACCESS, STORE_ACCESS].contains(&cause);
    let has_firmware = !machine_mode::starts_there(run.image, run.layout.entry);
    if !is_access || !has_firmware || run.csr(csr::SATP)?.is_none_or(|satp| satp != 0) {
        return Ok(None);
    }
    let is_linked = run.image.segments().iter().any(|segment| segment.contains(address));
    if is_linked && !run.image.is_linked_where_loaded() {
        return Ok(Some(format!(
            " (where the kernel is linked, but satp is 0 and nothing maps it yet: it is loaded at {})",
            run.image.physical(address)
        )));
    }
    // What lies farther away was no guess at the size of RAM.
    const FAR: u64 = 1 << 36;
    // Physical addresses have 56 bits (privileged manual, "Supervisor Address Translation and Protection Register").
    const PHYSICAL: u64 = 1 << 56;
    let ram = &run.layout.ram;
    Ok(if (board::RAM_BASE..board::FIRMWARE_END).contains(&address.0) {
        Some(" (the firmware's memory, which only M-mode may use)".into())
    } else if (board::CLINT..board::CLINT + board::CLINT_SIZE).contains(&address.0) {
        Some(" (the CLINT, which only the firmware may use: set the timer by the SBI)".into())
    } else if address.0 >= PHYSICAL {
        Some(" (no memory has such an address, and satp is 0: nothing set it, or with a mode that the hart does not have)".into())
    } else if (ram.end..ram.end + FAR).contains(&address) {
        Some(format!(" (RAM ends at {})", ram.end))
    } else {
        None
    })
}

/// Adds to a `wfi` that trapped which bit forbids it (privileged manual, "Virtualization Support in mstatus Register" and "Hypervisor
/// Status Register").
pub fn forbidden_wait(run: &mut BootRun<'_>, finding: &mut Finding, trap: &About, bytes: &[u8]) -> Result<(), Error> {
    let is_wfi = riscv::decode(run.image.xlen(), bytes).is_some_and(|operation| operation.kind == Kind::Wfi);
    let (register, bit, name, whose) = match trap.cause {
        VIRTUAL_INSTRUCTION => (csr::HSTATUS, hstatus::VTW, "hstatus.VTW", "a guest's"),
        ILLEGAL_INSTRUCTION => (csr::MSTATUS, mstatus::TW, "mstatus.TW", "S-mode's"),
        _ => return Ok(()),
    };
    if is_wfi && !trap.from_user && run.csr(register)?.is_some_and(|value| value & bit != 0) {
        finding.summary = format!("{}; {name} is 1, so {whose} wfi traps", finding.summary);
        finding.advice =
            Some(format!("let the handler do something else meanwhile and return behind it, or clear {name}"));
    }
    Ok(())
}

/// Adds to an exception that its address comes from a register that still holds what the firmware left in it. Returns whether it does.
pub fn never_set(run: &BootRun<'_>, finding: &mut Finding, trap: &About, bytes: Option<&[u8]>) -> bool {
    const RA: usize = Register::RA as usize;
    /// The registers that a kernel sets once, so that 0 in them is no value of its own.
    const SET_ONCE: [u8; 3] = [Register::SP, Register::GP, Register::TP];
    /// They are the arguments of the entry.
    const ARGUMENTS: [u8; 2] = [Register::A0, Register::A1];
    let entry = &run.at_entry.x;
    if is_of_fetch(trap.cause) {
        let returned = entry[RA] != 0 && trap.pc.0 == entry[RA] && trap.value == entry[RA];
        if returned {
            finding.summary =
                format!("{}; ra was never set: it is the firmware's, and a function returned to it", finding.summary);
            finding.advice = Some(
                "call the function instead of jumping to it, and put a loop behind the call; or let it never return"
                    .into(),
            );
        }
        return returned;
    }
    let operation = bytes.and_then(|bytes| riscv::decode(run.image.xlen(), bytes));
    let (base, offset) = match operation.map(|operation| operation.effect()) {
        Some(Effect::Load { base, offset, .. } | Effect::Store { base, offset, .. }) => (base, offset),
        Some(Effect::Atomic { base, .. }) => (base, 0),
        _ => return false,
    };
    let left = entry[usize::from(base)];
    let is_set_once = SET_ONCE.contains(&base);
    if !has_address(trap.cause)
        || trap.from_user
        || ARGUMENTS.contains(&base)
        || left == 0 && !is_set_once
        || base == 0
        || left.wrapping_add_signed(offset) != trap.value
    {
        return false;
    }
    let name = Register::Gpr(base);
    finding.summary =
        format!("{}; {name} was never set: it holds what the firmware left there, {left:#x}", finding.summary);
    finding.advice = Some(format!("set {name} before it is used"));
    true
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
