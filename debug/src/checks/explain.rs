//! Adds explanations to failures, from the image and from memory as the boot left it.
//!
//! It does not judge, and does not change findings that hold.

use super::finding::{Finding, Status};
use super::{Layout, bss, handoff, idle, image, margin, stack, trap};
use crate::image::{Image, Place, Segment};
use crate::machine::{Address, Machine, csr};
use crate::riscv::{self, Effect};
use crate::setting::Setting;

/// Explains each failure after the boot. If the machine cannot be read any more, it adds nothing.
pub fn failures(machine: &mut dyn Machine, image: &Image, findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.status == Status::Fail) {
        finding.prefer_own_place();
    }
    if let Some(first) = findings.iter_mut().find(|finding| finding.status == Status::Fail) {
        relocations(machine, image, first);
        not_copied(machine, image, first);
        short_vectors(machine, image, first);
    }
}

/// What to try about a failure of which a check said nothing better.
pub fn advise(layout: &Layout, findings: &mut [Finding]) {
    let names = &layout.names;
    for finding in findings.iter_mut().filter(|finding| finding.status == Status::Fail && finding.advice.is_none()) {
        let place = finding.location.as_ref();
        let here = place.map_or_else(|| "PLACE".into(), |place| format!("*{}", place.address));
        let in_gdb = format!("{}, then in GDB: break {here}, continue, backtrace, reverse-stepi", Setting::Serve);
        finding.advice = Some(match finding.name {
            image::NAME => "compare the linker script with the file: readelf -lW shows where it is loaded".into(),
            handoff::NAME => "start the kernel from a firmware that keeps the boot protocol, as QEMU's own does".into(),
            stack::NAME => format!("set sp to {} before anything uses it: la sp, {}", names.stack_top, names.stack_top),
            bss::NAME => {
                format!("clear from {} to {}, each byte once and nothing beside it", names.bss_start, names.bss_end)
            }
            idle::NAME if finding.data.get("console_line").is_some() => {
                "look for the cause in the lines before it".into()
            }
            idle::NAME if finding.data.get("panic_function").is_some() => in_gdb,
            idle::NAME if finding.data.get("exit_status").is_some() || finding.data.get("reset_reason").is_some() => {
                format!("look for who powers off, and why: {in_gdb}")
            }
            margin::NAME => "reserve more for the stack, or make the frames smaller".into(),
            _ => in_gdb,
        });
    }
}

/// For a kernel that copied itself and continues in the copy: the linked address of pc, and pc itself.
///
/// Its BSS and its stack are then not at the addresses of their symbols.
pub fn moved(machine: &mut dyn Machine, image: &Image) -> Option<(Place, Address)> {
    let pc = Address(machine.registers().ok()?.pc);
    in_copy(machine, image, pc)
}

/// The same for any place in code, such as a return address.
fn in_copy(machine: &mut dyn Machine, image: &Image, pc: Address) -> Option<(Place, Address)> {
    /// How many bytes before pc are compared, in addition to the instruction at pc.
    const BEFORE: u64 = 12;
    let mut here = [0; BEFORE as usize + 2];
    if image.is_code(pc) || machine.read_memory(pc - BEFORE, &mut here).is_err() || here.iter().all(|byte| *byte == 0) {
        return None;
    }
    image.code().find_map(|(start, code)| {
        let found = code.windows(here.len()).step_by(2).position(|window| window == here)?;
        Some((image.place(start + 2 * found as u64 + BEFORE), pc))
    })
}

/// A kernel that copied itself with pointers that were right where it was. By how far it moved, if it did.
fn relocations_of_copy(machine: &mut dyn Machine, image: &Image, finding: &mut Finding) -> Option<u64> {
    let registers = machine.registers().ok()?;
    let places = [Address(registers.pc), registers.ra()];
    let (place, pc) = places.into_iter().find_map(|place| in_copy(machine, image, place))?;
    let by = pc.0.wrapping_sub(place.address.0);
    let mut is_old = |address: Address, value: u64| {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..image.xlen().bytes()];
        machine.read_memory(address + by, bytes).is_ok() && image.xlen().read(bytes) == value
    };
    let old = image.relocations().iter().filter(|relocation| is_old(relocation.address, relocation.value));
    let old: Vec<_> = old.collect();
    if let Some(first) = old.first() {
        finding.found = format!(
            "{}; the kernel copied itself to {}, and {} of its {} relocations (R_RISCV_RELATIVE) there are still those of where it was, the \
             first of them at {} (a copy of {})",
            finding.found,
            Address(image.segments().first()?.address.0.wrapping_add(by)),
            old.len(),
            image.relocations().len(),
            first.address + by,
            image.place(first.address)
        );
        finding.set("relocations_not_applied", old.len());
        finding.advice =
            Some("apply .rela.dyn again in the copy before it is used: add the distance to each pointer".into());
    }
    Some(by)
}

/// A position-independent kernel that did not relocate itself has pointers to 0.
fn relocations(machine: &mut dyn Machine, image: &Image, finding: &mut Finding) {
    if image.relocations().is_empty() || relocations_of_copy(machine, image, finding).is_some() {
        return;
    }
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

/// In a vectored table each entry has 4 bytes (privileged manual, "Supervisor Trap Vector Base Address Register"): one of compressed jumps
/// sends interrupts to the wrong handlers.
fn short_vectors(machine: &mut dyn Machine, image: &Image, finding: &mut Finding) {
    const VECTORED: u64 = 1;
    let Some(stvec) = machine.read_register(csr::STVEC).ok().filter(|stvec| stvec & 3 == VECTORED) else { return };
    let table = Address(stvec & !3);
    let mut is_short_jump = |at: Address| {
        let mut bytes = [0; 2];
        machine.read_memory(at, &mut bytes).is_ok()
            && riscv::decode(image.xlen(), &bytes).is_some_and(|jump| matches!(jump.effect(), Effect::Jump(_)))
    };
    if [trap::NAME, idle::NAME].contains(&finding.name) && is_short_jump(table) && is_short_jump(table + 2) {
        finding.found = format!(
            "{}; stvec is vectored, and the entries at {} are compressed jumps of 2 bytes, where each must have 4: interrupt N goes \
             to the entry of number 2 N",
            finding.found,
            image.place(table)
        );
        finding.advice = Some("write .option norvc before the table, so that each of its jumps has 4 bytes".into());
    }
}

/// Initialised data that is loaded beside the code, and linked elsewhere, holds nothing where it is used until it is copied there.
fn not_copied(machine: &mut dyn Machine, image: &Image, finding: &mut Finding) {
    // What fails before is no matter of data, which a kernel copies when it has a stack.
    if ![trap::NAME, idle::NAME].contains(&finding.name) {
        return;
    }
    let offset = |segment: &Segment| segment.address.0.wrapping_sub(segment.physical.0);
    let Some(code) = image.segments().iter().find(|segment| segment.executable) else { return };
    // A kernel that is linked in the upper half has one offset for all of it.
    let elsewhere =
        |segment: &&Segment| offset(segment) != offset(code) && image.file_bytes(segment).iter().any(|byte| *byte != 0);
    let is_missing = |segment: &&Segment| {
        let mut bytes = vec![0; segment.file.len()];
        machine.read_physical(segment.address, &mut bytes).is_ok() && bytes.iter().all(|byte| *byte == 0)
    };
    let Some(segment) = image.segments().iter().filter(elsewhere).find(is_missing) else { return };
    let sections = image.memory_sections();
    let section =
        sections.iter().find(|(_, range)| range.contains(&segment.address)).map_or("its data", |(name, _)| name);
    finding.found = format!(
        "{}; {section} is loaded at {} and linked at {}, where only zeros are: nothing copied it there",
        finding.found, segment.physical, segment.address
    );
    finding.advice =
        Some(format!("copy {section} from where it is loaded to where it is linked before anything uses it"));
}
