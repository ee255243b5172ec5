//! An ELF into RAM, the way QEMU's `-kernel` puts it there: segments at their physical addresses, the lowest of them the entry.
//!
//! It does not know symbols, nor what the kernel does.

use std::ops::Range;

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::embedded::bus::map;
use crate::embedded::bus::ram::Ram;

/// Why an ELF cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the kernel {}: {source}", path.display())]
    Unreadable { path: std::path::PathBuf, source: std::io::Error },

    #[error("this is no 64-bit little-endian ELF, or a truncated one: {0}; give the linked kernel itself")]
    Malformed(object::Error),

    #[error("this ELF is for machine {machine}, not for RISC-V (243): build the kernel for riscv64gc-unknown-none-elf")]
    OtherArchitecture { machine: u16 },

    #[error("this ELF has no segment to load: link the kernel with a linker script that places it at 0x80200000")]
    Empty,

    #[error("the file ends within the segment at {address:#x}: it is truncated")]
    Truncated { address: u64 },

    #[error(
        "the segment [{start:#x}, {end:#x}) does not lie in the RAM that a kernel may use, [{first:#x}, {last:#x}): \
         correct the linker script, or give the machine more memory"
    )]
    OutsideRam { start: u64, end: u64, first: u64, last: u64 },

    #[error("the segments [{:#x}, {:#x}) and [{:#x}, {:#x}) overlap: correct the linker script", .first.0, .first.1, .second.0, .second.1)]
    Overlapping { first: (u64, u64), second: (u64, u64) },

    #[error("the entry {entry:#x} is odd: instructions begin at even addresses")]
    OddEntry { entry: u64 },

    #[error("{mebibytes} MiB of memory is not possible: between {} and {} MiB is", .range.start(), .range.end())]
    MemorySize { mebibytes: u64, range: std::ops::RangeInclusive<u64> },

    #[error("this computer does not give us {mebibytes} MiB for the machine's memory: ask for less")]
    NoMemory { mebibytes: u64 },
}

impl Error {
    /// Whether another kernel might be loaded: the file was read, and what is in it does not fit.
    pub fn is_about_the_kernel(&self) -> bool {
        matches!(self, Error::OutsideRam { .. } | Error::Overlapping { .. } | Error::OddEntry { .. })
    }
}

/// Where a kernel and its device tree lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The lowest loaded address: QEMU 7.2 starts there, whatever the ELF's own entry says.
    pub entry: u64,
    pub device_tree: u64,
}

/// Puts the segments of `elf` and the device tree into RAM.
///
/// # Errors
/// Where it is no kernel, or its segments are not where a kernel's may be.
pub fn load(elf: &[u8], ram: &mut Ram, device_tree: &[u8]) -> Result<Loaded, Error> {
    let ram_end = map::RAM_BASE + ram.size() as u64;
    let device_tree_at = device_tree_address(ram_end, device_tree.len() as u64);
    let allowed = map::FIRMWARE_END..device_tree_at;
    let mut segments = segments(elf)?;
    segments.sort_by_key(|segment| segment.address);
    for segment in &segments {
        segment.place(&allowed, ram)?;
    }
    if let Some(pair) = segments.windows(2).find(|pair| pair[0].end() > pair[1].address) {
        return Err(Error::Overlapping { first: pair[0].span(), second: pair[1].span() });
    }
    let entry = segments.first().ok_or(Error::Empty)?.address;
    if !entry.is_multiple_of(2) {
        return Err(Error::OddEntry { entry });
    }
    map::ram_offset(device_tree_at)
        .and_then(|offset| ram.store(offset, device_tree))
        .expect("the device tree lies below the end of RAM");
    Ok(Loaded { entry, device_tree: device_tree_at })
}

/// What a program header asks to be loaded.
struct Segment<'elf> {
    address: u64,
    /// In memory: what the contents do not fill is zero.
    size: u64,
    contents: &'elf [u8],
}

impl Segment<'_> {
    fn end(&self) -> u64 {
        self.address.saturating_add(self.size)
    }

    fn span(&self) -> (u64, u64) {
        (self.address, self.end())
    }

    fn place(&self, allowed: &Range<u64>, ram: &mut Ram) -> Result<(), Error> {
        let (start, end) = self.span();
        let stored = if start >= allowed.start && end <= allowed.end {
            map::ram_offset(start).and_then(|offset| ram.store(offset, self.contents))
        } else {
            None
        };
        stored.ok_or(Error::OutsideRam { start, end, first: allowed.start, last: allowed.end })
    }
}

fn segments(elf: &[u8]) -> Result<Vec<Segment<'_>>, Error> {
    let header = FileHeader64::<LittleEndian>::parse(elf).map_err(Error::Malformed)?;
    let endian = header.endian().map_err(Error::Malformed)?;
    let machine = header.e_machine(endian);
    if machine != elf::EM_RISCV {
        return Err(Error::OtherArchitecture { machine: machine.0 });
    }
    let headers = header.program_headers(endian, elf).map_err(Error::Malformed)?;
    let mut segments = Vec::new();
    for segment in headers.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let (address, size) = (segment.p_paddr(endian), segment.p_memsz(endian));
        if size == 0 {
            continue;
        }
        let contents = segment.data(endian, elf).map_err(|()| Error::Truncated { address })?;
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(contents.len());
        segments.push(Segment { address, size, contents: &contents[..length] });
    }
    Ok(segments)
}

/// Where QEMU 7.2 puts a tree of this size: as high in the lower 3 GiB as a boundary of 2 MiB allows.
fn device_tree_address(ram_end: u64, size: u64) -> u64 {
    const HIGHEST: u64 = 3 << 30;
    const ALIGNMENT: u64 = 2 << 20;
    let end = ram_end.min(HIGHEST);
    (end - size) / ALIGNMENT * ALIGNMENT
}
