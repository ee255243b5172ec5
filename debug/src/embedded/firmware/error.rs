//! Why a machine cannot be made, or its kernel not be loaded. It does not know how either is done.

use std::ops::Range;

use crate::embedded::bus::map;
use crate::image;
use crate::riscv::Address;
use crate::setting::Setting;

/// Why a kernel cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not a kernel that can be loaded.
    #[error(transparent)]
    Image(#[from] image::Error),

    /// The kernel's registers have another width than the hart's.
    #[error("{} is for {kernel}-bit RISC-V, and {} {cpu} is not; try: without it", .path.display(), Setting::Cpu)]
    Width {
        /// The file.
        path: std::path::PathBuf,
        /// The kernel's width, in bits.
        kernel: u32,
        /// The hart that was asked for.
        cpu: String,
    },

    /// The machine cannot have this much memory.
    #[error("the machine takes {} to {} MiB of memory, not {mebibytes}", .range.start(), .range.end())]
    MemorySize {
        /// The requested size, in MiB.
        mebibytes: u64,
        /// The possible sizes, in MiB.
        range: std::ops::RangeInclusive<u64>,
    },

    /// The machine cannot have so many harts.
    #[error("the embedded machine has 1 to {most} harts, not {harts}; try: {}", Setting::Qemu)]
    Harts {
        /// The requested number.
        harts: usize,
        /// The largest.
        most: usize,
    },

    /// The hart that is to boot does not exist.
    #[error("hart {hart} cannot boot: the machine's harts are 0 to {}; try: one of them, or without {}", .harts - 1, Setting::BootHart)]
    BootHart {
        /// The hart that was asked for.
        hart: u64,
        /// How many there are.
        harts: usize,
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

    /// A firmware's file cannot be read.
    #[error("cannot read the firmware {}: {cause}; try: check that the file exists and can be read", .path.display())]
    Firmware {
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's reason.
        cause: std::io::Error,
    },

    /// The firmware's file is not one for this machine.
    #[error("the firmware {} {why}; try: fw_dynamic.bin, or another of the kernel's width that is linked for {}", .path.display(), Address(map::RAM_BASE))]
    NoFirmware {
        /// The file.
        path: std::path::PathBuf,
        /// The reason, in words.
        why: String,
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
