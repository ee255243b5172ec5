//! The memory map of a machine, from its device tree: RAM, the firmware's part of it, and the tree itself.
//!
//! It is read from the machine, because it depends on the machine's size and on the versions of QEMU and the firmware.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::boot_run::device_tree;
use super::boot_run::layout::{Layout, overlap};
use crate::image::{Image, NEUTRAL_BASE};
use crate::machine::{Address, Error, Machine, Stop};
use crate::riscv::board;
use crate::setting::Setting;

/// Physical addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryMap {
    ram: Vec<Range<Address>>,
    reserved: Vec<(String, Range<Address>)>,
    device_tree: Range<Address>,
}

/// A part of the kernel that is in memory that it cannot have.
pub struct Conflict {
    pub what: String,
    pub advice: String,
}

impl MemoryMap {
    /// Reads it from a machine that is at a kernel's entry; `None` if a1 does not point to a device tree.
    pub fn at_entry(machine: &mut dyn Machine) -> Result<Option<MemoryMap>, Error> {
        let start = Address(machine.registers()?.a1());
        let mut header = [0; device_tree::HEADER];
        let Some(()) = readable(machine.read_memory(start, &mut header))? else { return Ok(None) };
        let Some(size) = device_tree::size(&header) else { return Ok(None) };
        let mut tree = vec![0; size];
        let Some(()) = readable(machine.read_memory(start, &mut tree))? else { return Ok(None) };
        let device_tree::Memory { ram, reserved } = device_tree::memory(&tree);
        Ok(Some(MemoryMap { ram, reserved, device_tree: start..start + size as u64 }))
    }

    /// Reads it from a machine at reset that has a kernel that does nothing. This is for a machine whose loader refuses the
    /// kernel to be checked.
    ///
    /// # Errors
    /// If the machine does not respond.
    pub fn of_neutral(machine: &mut dyn Machine, limit: Duration) -> Result<Option<MemoryMap>, Error> {
        let deadline = Instant::now() + limit;
        if machine.registers()?.pc != NEUTRAL_BASE.0 {
            machine.insert_breakpoint(NEUTRAL_BASE)?;
            let stop = machine.resume(deadline.saturating_duration_since(Instant::now()))?;
            if stop != Stop::Breakpoint {
                return Ok(None);
            }
        }
        MemoryMap::at_entry(machine)
    }

    /// The parts of the kernel that are outside of RAM, in the firmware, or over the device tree; the most important first.
    pub fn conflicts(&self, image: &Image, layout: &Layout) -> Vec<Conflict> {
        let physical = |range: &Range<Address>| {
            let start = image.physical(range.start);
            start..start + range.end.0.saturating_sub(range.start.0)
        };
        let names = &layout.names;
        let mut parts = vec![
            (format!("BSS, {} to {},", names.bss_start, names.bss_end), physical(&layout.bss)),
            (format!("the stack, {} to {},", layout.stack_bottom_name, names.stack_top), physical(&layout.stack)),
        ];
        let segment = |segment: &crate::image::Segment| {
            let range = segment.physical..segment.physical + segment.memory_size;
            (format!("the image's part {} to {}", range.start, range.end), range)
        };
        parts.extend(image.segments().iter().map(segment));
        let parts = || parts.iter().filter(|(_, range)| range.start < range.end);
        let over = |range: &Range<Address>, whose: &str, advice: &str| {
            let found = parts().find(|(_, part)| overlap(part, range));
            let (start, end, whose) = (range.start, range.end, whose.to_owned());
            found.map(|(part, _)| Conflict {
                what: format!("{part} overlaps {whose}, {start} to {end}"),
                advice: advice.into(),
            })
        };
        let firmware = self.reserved.iter().filter_map(|(name, range)| {
            let name = if name.starts_with("mmode_resv") { "the firmware" } else { name };
            over(
                range,
                name,
                &format!(
                    "link it at {:#x}; or, if this is an M-mode kernel, use {}",
                    board::KERNEL_BASE,
                    Setting::NoFirmware
                ),
            )
        });
        let advice =
            "make BSS or the stack smaller, or give the machine more memory: it puts the tree near the end of RAM";
        let tree = over(&self.device_tree, "the device tree that a1 points at", advice);
        let in_ram =
            |range: &Range<Address>| self.ram.iter().any(|ram| ram.start <= range.start && range.end <= ram.end);
        let outside = parts().filter(|(_, range)| !self.ram.is_empty() && !in_ram(range));
        let ram: Vec<String> = self.ram.iter().map(|ram| format!("{} to {}", ram.start, ram.end)).collect();
        let outside = outside.map(|(part, _)| Conflict {
            what: format!("{part} is outside of RAM, {}", ram.join(", ")),
            advice: format!("link it for this board's RAM, at {:#x}", board::KERNEL_BASE),
        });
        firmware.chain(tree).chain(outside).collect()
    }
}

/// `None` if there is no memory.
fn readable(read: Result<(), Error>) -> Result<Option<()>, Error> {
    match read {
        Err(Error::Refused { .. }) => Ok(None),
        read => read.map(Some),
    }
}
