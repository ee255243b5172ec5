//! Check `image`: will the firmware find the kernel's first instruction, and does the kernel fit into RAM?
//!
//! It only reads the file; no machine runs yet.

use super::boot_run::layout::{Layout, bytes};
use super::finding::{Finding, Status};
use super::memory_map::MemoryMap;
use crate::image::{self, Image};
use crate::machine::Address;
use crate::riscv::Xlen;

pub const NAME: &str = "image";

/// The alignment of sp in the RISC-V calling convention (psABI, "Integer Calling Convention").
const STACK_ALIGNMENT: u64 = 16;

/// The alignment of sp without which a kernel fails.
///
/// With 32-bit registers only variables that ask for more than 4 need it, and kernels whose stack is 4-aligned are common: that is noted.
pub fn stack_alignment(image: &Image) -> u64 {
    match image.xlen() {
        Xlen::Rv32 => 4,
        Xlen::Rv64 => STACK_ALIGNMENT,
    }
}

pub fn check(image: &Image, layout: &Layout) -> Finding {
    let mut finding = Finding::new(NAME);
    finding.expected = format!(
        "entry = {} = the lowest loaded address, {} <= {}, {} < {} and {}-aligned, all in RAM",
        layout.names.entry,
        layout.names.bss_start,
        layout.names.bss_end,
        layout.stack_bottom_name,
        layout.names.stack_top,
        stack_alignment(image)
    );
    let faults = faults(image, layout);
    if faults.is_empty() {
        finding.status = Status::Pass;
        finding.summary = format!(
            "{} at {}; {} bytes of BSS, {} of stack",
            layout.names.entry,
            layout.entry,
            bytes(&layout.bss),
            bytes(&layout.stack)
        );
        finding.found = finding.summary.clone();
        let notes = notes(image, layout);
        if !notes.is_empty() {
            finding.found = notes.join("; ");
            finding.summary = format!("{}; {}", finding.summary, finding.found);
            finding.set("guesses", notes);
        }
    } else {
        finding.summary = faults[0].clone();
        finding.found = faults.join("; ");
    }
    finding.location = Some(image.place(layout.entry));
    finding.set("entry", layout.entry);
    finding.set("bss_bytes", bytes(&layout.bss));
    finding.set("stack_bytes", bytes(&layout.stack));
    finding
}

/// Notes about what the other checks rely on.
fn notes(image: &Image, layout: &Layout) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(file) = image.debug_file() {
        notes.push(format!("its symbols are in {}", file.display()));
    } else if image.stripped().is_some() {
        notes.push("it has no symbols (stripped)".into());
    }
    notes.extend(layout.guesses.iter().cloned());
    if !layout.stack.end.0.is_multiple_of(STACK_ALIGNMENT) {
        let (name, top) = (&layout.names.stack_top, layout.stack.end);
        notes.push(format!(
            "{name} at {top} is not {STACK_ALIGNMENT}-aligned, as the ABI asks; try: ALIGN({STACK_ALIGNMENT})"
        ));
    }
    notes
}

/// The failure for a kernel that does not fit into the machine's memory; `None` if it fits.
pub fn misplaced(image: &Image, layout: &Layout, memory: &MemoryMap) -> Option<Finding> {
    let conflicts = memory.conflicts(image, layout);
    let first = conflicts.first()?;
    let mut finding = check(image, layout);
    finding.status = Status::Fail;
    finding.summary = first.what.clone();
    finding.found = conflicts.iter().map(|conflict| &*conflict.what).collect::<Vec<_>>().join("; ");
    finding.advice = Some(first.advice.clone());
    Some(finding)
}

/// The finding for a kernel that the machine refuses to load, with its reason.
pub fn refused(image: &Image, layout: &Layout, machine: &str, words: &str) -> Finding {
    let mut finding = check(image, layout);
    finding.status = Status::Fail;
    finding.summary = format!("{machine} does not load it: {}", words.lines().next().unwrap_or("it does not say why"));
    finding.found = words.trim().into();
    finding
}

/// The faults, the most important first.
fn faults(image: &Image, layout: &Layout) -> Vec<String> {
    let (names, ram) = (&layout.names, &layout.ram);
    let lowest = image.segments().iter().map(|segment| segment.physical).min().unwrap_or_default();
    let mut faults = Vec::new();
    if image.physical(layout.entry) != lowest {
        faults.push(format!(
            "the image begins at {}, not at {}: the firmware jumps to its lowest address, {lowest}",
            image.place(lowest),
            image.place(layout.entry)
        ));
    }
    if image.linked(image.entry()) != layout.entry {
        faults.push(format!("its entry point is {}, not {}", image.place(image.entry()), names.entry));
    }
    for segment in image.segments() {
        let end = segment.physical.0.checked_add(segment.memory_size);
        if segment.physical < ram.start || end.is_none_or(|end| end > ram.end.0) {
            let outside = format!("{} bytes at {} are outside of RAM", segment.memory_size, segment.physical);
            faults.push(format!("{outside}, {} to {}", ram.start, ram.end));
        }
    }
    match image.load_order(&(Address(0)..Address(u64::MAX))) {
        Err(image::Error::Overlapping { segments: [one, other], .. }) => faults
            .push(format!("the segments {} to {} and {} to {} overlap", one.start, one.end, other.start, other.end)),
        Err(image::Error::OddEntry { entry, .. }) => {
            faults.push(format!("its entry {entry} is odd: instructions have even addresses"));
        }
        _ => {}
    }
    for (range, start, end) in
        [(&layout.bss, &names.bss_start, &names.bss_end), (&layout.stack, &layout.stack_bottom_name, &names.stack_top)]
    {
        let physical = image.physical(range.start)..image.physical(range.start) + bytes(range);
        if range.start > range.end {
            faults.push(format!("{start} at {} is above {end} at {}", range.start, range.end));
        } else if !layout.needs_stack() && (physical.start < ram.start || physical.end > ram.end) {
            faults.push(format!("{start} to {end}, {} to {}, is outside of RAM", range.start, range.end));
        }
    }
    if layout.needs_stack() {
        faults.push("its stack was not found: no symbol has a known name, and sp was never set".into());
    } else if bytes(&layout.stack) == 0 {
        faults.push(format!("the stack below {} at {} has no bytes", names.stack_top, layout.stack.end));
    }
    let alignment = stack_alignment(image);
    if !layout.stack.end.0.is_multiple_of(alignment) {
        faults.push(format!("{} at {} is not {alignment}-aligned", names.stack_top, layout.stack.end));
    }
    faults
}
