//! Adds explanations to failures, from the image and from memory as the boot left it.
//!
//! It does not judge, and does not change findings that hold.

use super::finding::{Finding, Status};
use crate::image::{Image, Place};
use crate::machine::{Address, Machine};

/// Explains each failure after the boot. If the machine cannot be read any more, it adds nothing.
pub fn failures(machine: &mut dyn Machine, image: &Image, findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.status == Status::Fail) {
        finding.prefer_own_place();
    }
    if let Some(first) = findings.iter_mut().find(|finding| finding.status == Status::Fail) {
        relocations(machine, image, first);
    }
}

/// For a kernel that copied itself and continues in the copy: the linked address of pc, and pc itself.
///
/// Its BSS and its stack are then not at the addresses of their symbols.
pub fn moved(machine: &mut dyn Machine, image: &Image) -> Option<(Place, Address)> {
    /// How many bytes before pc are compared, in addition to the instruction at pc.
    const BEFORE: u64 = 12;
    let pc = Address(machine.registers().ok()?.pc);
    let mut here = [0; BEFORE as usize + 2];
    if image.is_code(pc) || machine.read_memory(pc - BEFORE, &mut here).is_err() || here.iter().all(|byte| *byte == 0) {
        return None;
    }
    image.code().find_map(|(start, code)| {
        let found = code.windows(here.len()).step_by(2).position(|window| window == here)?;
        Some((image.place(start + 2 * found as u64 + BEFORE), pc))
    })
}

/// A position-independent kernel that did not relocate itself has pointers to 0.
fn relocations(machine: &mut dyn Machine, image: &Image, finding: &mut Finding) {
    let all = image.relocations().len();
    let mut applied = |address: Address, value: u64| {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..image.xlen().bytes()];
        machine.read_physical(image.physical(address), bytes).is_err() || image.xlen().read(bytes) == value
    };
    let missing = image.relocations().iter().filter(|relocation| !applied(relocation.address, relocation.value));
    let missing: Vec<_> = missing.collect();
    let Some(first) = missing.first() else { return };
    let count =
        if missing.len() == all { format!("none of its {all}") } else { format!("{} of its {all}", missing.len()) };
    let (is, at) = if missing.len() == all { ("is", "the first at") } else { ("are not", "the first of them at") };
    finding.found = format!(
        "{}; it is position-independent (ET_DYN), and {count} relocations (R_RISCV_RELATIVE) {is} applied, {at} {}",
        finding.found,
        image.place(first.address)
    );
    finding.set("relocations_not_applied", missing.len());
    finding.advice = Some(
        "link it without -pie (-no-pie; for Rust, -C relocation-model=static), or apply .rela.dyn before anything is used"
            .into(),
    );
}
