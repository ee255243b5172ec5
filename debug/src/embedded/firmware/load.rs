//! A kernel into RAM, the way QEMU's `-kernel` puts it there: segments at their physical addresses, the lowest of them the entry.
//!
//! It does not know symbols, nor what the kernel does.

use crate::embedded::bus::map;
use crate::embedded::bus::ram::Ram;
use crate::embedded::conditions::Conditions;
use crate::image::{self, Image};
use crate::riscv::Address;

/// Why there is no machine for a kernel.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Image(#[from] image::Error),

    #[error("{mebibytes} MiB of memory is not possible; the machine takes {} to {} MiB", .range.start(), .range.end())]
    MemorySize { mebibytes: u64, range: std::ops::RangeInclusive<u64> },

    #[error("not enough host memory for {mebibytes} MiB; ask for less")]
    NoMemory { mebibytes: u64 },
}

impl Error {
    /// Whether another kernel might be loaded: the file was read, and what is in it does not fit.
    pub fn is_about_the_kernel(&self) -> bool {
        use image::Error::{OddEntry, OutsideMemory, Overlapping};
        matches!(self, Error::Image(OutsideMemory { .. } | Overlapping { .. } | OddEntry { .. }))
    }
}

/// Where a kernel and its device tree lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The lowest loaded address: QEMU 7.2 starts there, whatever the ELF's own entry says.
    pub entry: u64,
    pub device_tree: u64,
}

/// Puts the segments of `image` and the device tree into RAM.
///
/// # Errors
/// Where its segments are not where a kernel's may be.
pub fn load(image: &Image, ram: &mut Ram, device_tree: &[u8], conditions: &Conditions) -> Result<Loaded, image::Error> {
    let ram_end = map::RAM_BASE + ram.size() as u64;
    let usual = device_tree_address(ram_end, device_tree.len() as u64);
    // Lower by an odd number of doublewords: nothing promises more than that it is aligned to one.
    let device_tree_at = if conditions.tree_elsewhere { usual - (5 << 20) + 8 } else { usual };
    if let Some(fill) = conditions.ram {
        ram.fill((map::FIRMWARE_END - map::RAM_BASE) as usize, fill);
    }
    let segments = image.load_order(&(Address(map::FIRMWARE_END)..Address(device_tree_at)))?;
    let mut place = |address: u64, bytes: &[u8]| {
        map::ram_offset(address)
            .and_then(|offset| ram.store(offset, bytes))
            .expect("segments and device tree lie within RAM: load_order saw to it");
    };
    for segment in &segments {
        place(segment.physical.0, image.file_bytes(segment));
    }
    place(device_tree_at, device_tree);
    let entry = segments.first().map_or(device_tree_at, |segment| segment.physical.0);
    Ok(Loaded { entry, device_tree: device_tree_at })
}

/// Where QEMU 7.2 puts a tree of this size: as high in the lower 3 GiB as a boundary of 2 MiB allows.
fn device_tree_address(ram_end: u64, size: u64) -> u64 {
    const HIGHEST: u64 = 3 << 30;
    const ALIGNMENT: u64 = 2 << 20;
    let end = ram_end.min(HIGHEST);
    (end - size) / ALIGNMENT * ALIGNMENT
}
