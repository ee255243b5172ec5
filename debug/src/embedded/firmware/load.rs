//! A kernel, its initrd and the device tree into RAM, where QEMU's `-kernel` and `-initrd` put them: the kernel's segments at their
//! physical addresses, the lowest of them the entry.
//!
//! It does not know symbols or instructions. Source: QEMU, hw/riscv/boot.c and virt.c.

use std::ops::Range;

use super::code::Firmware;
use super::device_tree;
use super::error::Error;
use crate::embedded::Options;
use crate::embedded::bus::map;
use crate::embedded::bus::ram::Ram;
use crate::embedded::conditions::Conditions;
use crate::image::{self, Image};
use crate::riscv::{Address, Isa};

/// The addresses of a kernel and its device tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The lowest loaded address. QEMU 7.2 starts there and ignores the ELF's entry.
    pub entry: u64,
    pub device_tree: u64,
}

/// Puts the segments of `image`, the initrd and a device tree that tells of it into RAM.
///
/// # Errors
/// Where its segments are not where a kernel's may be; where one lies over another.
pub fn load(
    image: &Image,
    firmware: &Firmware,
    ram: &mut Ram,
    options: &Options,
    isa: Isa,
    conditions: &Conditions,
) -> Result<Loaded, Error> {
    let ram_end = map::RAM_BASE + ram.size() as u64;
    let kernel = lowest_and_end(image);
    let initrd =
        options.initrd.as_ref().map(|bytes| (initrd_range(kernel.start, ram.size() as u64, bytes.len()), bytes));
    let tree = device_tree::build(
        &device_tree::Contents {
            ram_size: ram.size() as u64,
            harts: options.hart_ids(conditions),
            isa,
            command_line: options.append.as_deref(),
            initrd: initrd.as_ref().map(|(range, _)| range.clone()),
            is_handed_over: matches!(firmware, Firmware::Host),
        },
        conditions,
    )
    .map_err(|_| Error::CommandLine)?;
    let usual = device_tree_address(ram_end, tree.len() as u64);
    // Lower by an odd number of doublewords, because only an alignment to 8 bytes is guaranteed.
    let device_tree_at = if conditions.tree_elsewhere { usual - (5 << 20) + 8 } else { usual };
    if let Some(fill) = conditions.ram {
        ram.fill((firmware.end() - map::RAM_BASE) as usize, fill);
    }
    let segments = image.load_order(&(Address(firmware.end())..Address(device_tree_at)))?;
    if let Some((range, _)) = &initrd {
        check_initrd(range, &kernel, ram_end, device_tree_at..device_tree_at + tree.len() as u64)?;
    }
    let mut place = |address: u64, bytes: &[u8]| {
        map::ram_offset(address)
            .and_then(|offset| ram.store(offset, bytes))
            .expect("segments, initrd and device tree lie within RAM: load_order and check_initrd saw to it");
    };
    for (address, bytes) in firmware.contents() {
        place(address, bytes);
    }
    for segment in &segments {
        place(segment.physical.0, image.file_bytes(segment));
    }
    if let Some((range, bytes)) = initrd {
        place(range.start, bytes);
    }
    place(device_tree_at, &tree);
    let entry = segments.first().map_or(device_tree_at, |segment| segment.physical.0);
    Ok(Loaded { entry, device_tree: device_tree_at })
}

/// From the kernel's first byte to its last.
fn lowest_and_end(image: &Image) -> Range<u64> {
    let loaded = || image.segments().iter().map(image::Segment::loaded);
    let start = loaded().map(|range| range.start.0).min().unwrap_or_default();
    start..loaded().map(|range| range.end.0).max().unwrap_or_default()
}

/// Where QEMU puts an initrd: half of the memory's size above the kernel, 512 MiB at most (`riscv_load_initrd`).
fn initrd_range(kernel: u64, memory: u64, size: usize) -> Range<u64> {
    const FARTHEST: u64 = 512 << 20;
    let start = kernel.saturating_add((memory / 2).min(FARTHEST));
    start..start.saturating_add(size as u64)
}

fn check_initrd(initrd: &Range<u64>, kernel: &Range<u64>, ram_end: u64, tree: Range<u64>) -> Result<(), Error> {
    let overlaps = |range: &Range<u64>| initrd.start < range.end && range.start < initrd.end;
    let hex = |range: &Range<u64>| format!("[{}, {})", Address(range.start), Address(range.end));
    let beside = if initrd.end > ram_end {
        format!("is beyond the end of memory, {}", Address(ram_end))
    } else if overlaps(kernel) {
        format!("the kernel needs: it takes {}", hex(kernel))
    } else if overlaps(&tree) {
        format!("the device tree takes: {}", hex(&tree))
    } else {
        return Ok(());
    };
    Err(Error::NoRoomForInitrd { initrd: Address(initrd.start)..Address(initrd.end), beside })
}

/// The address where QEMU 7.2 puts a tree of this size: the highest multiple of 2 MiB in the lower 3 GiB.
fn device_tree_address(ram_end: u64, size: u64) -> u64 {
    const HIGHEST: u64 = 3 << 30;
    const ALIGNMENT: u64 = 2 << 20;
    let end = ram_end.min(HIGHEST);
    (end - size) / ALIGNMENT * ALIGNMENT
}
