//! A kernel, its initrd and the device tree into RAM, where QEMU's `-kernel` and `-initrd` put them: the kernel's segments at their
//! physical addresses, the lowest of them the entry.
//!
//! It does not know symbols or instructions. Source: QEMU, hw/riscv/boot.c.

use std::ops::Range;

use super::device_tree;
use crate::embedded::Options;
use crate::embedded::bus::map;
use crate::embedded::bus::ram::Ram;
use crate::embedded::conditions::Conditions;
use crate::image::{self, Image};
use crate::riscv::Address;
use crate::setting::Setting;

/// Why a kernel cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not a kernel that can be loaded.
    #[error(transparent)]
    Image(#[from] image::Error),

    /// The ELF is for 32-bit RISC-V.
    #[error(
        "{} is for 32-bit RISC-V (ELF32), and the embedded machine has 64-bit registers; try: {}",
        .path.display(),
        Setting::Qemu
    )]
    Rv32 {
        /// The file.
        path: std::path::PathBuf,
    },

    /// The machine cannot have this much memory.
    #[error("the machine takes {} to {} MiB of memory, not {mebibytes}", .range.start(), .range.end())]
    MemorySize {
        /// The requested size, in MiB.
        mebibytes: u64,
        /// The possible sizes, in MiB.
        range: std::ops::RangeInclusive<u64>,
    },

    /// The machine does not know a property of the CPU.
    #[error(
        "the embedded machine does not support {property} of {}; try: without it, or {}",
        Setting::Cpu,
        Setting::Qemu
    )]
    Cpu {
        /// The property.
        property: String,
    },

    /// A drive's file cannot be opened, or cannot be written back to.
    #[error("cannot use the drive {}: {cause}; try: check that the file exists and can be read", .path.display())]
    Drive {
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },

    /// A file of packets cannot be read, or is none.
    #[error("cannot read packets from {}: {cause}; try: a pcap file of Ethernet packets, as tcpdump writes it", .path.display())]
    Packets {
        /// The file.
        path: std::path::PathBuf,
        /// The reason.
        cause: std::io::Error,
    },

    /// There is no slot for a virtio device.
    #[error("the {device} does not fit: {why}; try: another bus, 0 to 7, or none")]
    NoSlot {
        /// The device, in words.
        device: String,
        /// The reason, in words.
        why: &'static str,
    },

    /// The host has too little memory.
    #[error("not enough host memory for {mebibytes} MiB; try: less memory")]
    NoMemory {
        /// The requested size, in MiB.
        mebibytes: u64,
    },

    /// The ranges are physical; `beside` is what has that memory already.
    #[error(
        "the initrd does not fit: its {} bytes belong at [{}, {}), which {beside}; try: more memory, or a smaller initrd",
        .initrd.end.0 - .initrd.start.0, .initrd.start, .initrd.end
    )]
    NoRoomForInitrd {
        /// The initrd's address range.
        initrd: Range<Address>,
        /// What is in the way.
        beside: String,
    },

    /// The command line has a zero byte.
    #[error("the kernel's command line has a zero byte, which would end it in the device tree; try: remove the byte")]
    CommandLine,
}

impl Error {
    /// Whether the reason is the kernel: its file was read, but it does not fit, and another kernel may.
    pub fn is_about_the_kernel(&self) -> bool {
        use image::Error::{OddEntry, OutsideMemory, Overlapping};
        matches!(self, Error::Image(OutsideMemory { .. } | Overlapping { .. } | OddEntry { .. }))
    }
}

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
pub fn load(image: &Image, ram: &mut Ram, options: &Options, conditions: &Conditions) -> Result<Loaded, Error> {
    let ram_end = map::RAM_BASE + ram.size() as u64;
    let kernel = lowest_and_end(image);
    let initrd =
        options.initrd.as_ref().map(|bytes| (initrd_range(kernel.start, ram.size() as u64, bytes.len()), bytes));
    let tree = device_tree::build(
        &device_tree::Contents {
            ram_size: ram.size() as u64,
            extensions: options.cpu.extensions(),
            command_line: options.append.as_deref(),
            initrd: initrd.as_ref().map(|(range, _)| range.clone()),
        },
        conditions,
    )
    .map_err(|_| Error::CommandLine)?;
    let usual = device_tree_address(ram_end, tree.len() as u64);
    // Lower by an odd number of doublewords, because only an alignment to 8 bytes is guaranteed.
    let device_tree_at = if conditions.tree_elsewhere { usual - (5 << 20) + 8 } else { usual };
    if let Some(fill) = conditions.ram {
        ram.fill((map::FIRMWARE_END - map::RAM_BASE) as usize, fill);
    }
    let segments = image.load_order(&(Address(map::FIRMWARE_END)..Address(device_tree_at)))?;
    if let Some((range, _)) = &initrd {
        check_initrd(range, &kernel, ram_end, device_tree_at..device_tree_at + tree.len() as u64)?;
    }
    let mut place = |address: u64, bytes: &[u8]| {
        map::ram_offset(address)
            .and_then(|offset| ram.store(offset, bytes))
            .expect("segments, initrd and device tree lie within RAM: load_order and check_initrd saw to it");
    };
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
