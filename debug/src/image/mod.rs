//! A kernel's ELF and DWARF bytes: symbols, segments, source lines and backtraces.
//!
//! It does not know machines: registers and memory come from the caller.

mod addresses;
mod debug_file;
mod debug_sections;
mod error;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod flat;
mod headers;
mod lines;
mod members;
mod near;
mod neutral;
mod place;
mod places;
mod relocations;
mod split;
mod symbols;
#[cfg(test)]
mod tests;
mod unwind;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use object::LittleEndian;
use object::elf::{FileHeader32, FileHeader64};

pub use addresses::is_stack_name;
pub use error::Error;
pub use files::KernelFiles;
pub use headers::Segment;
pub use neutral::{NEUTRAL_BASE, neutral, neutral_image};
pub use place::{Line, Place};
pub use relocations::Relocation;
pub use symbols::{Symbol, demangled};
pub use unwind::ReadMemory;

use crate::riscv::{Address, Xlen};
use debug_file::Search;
use headers::{Class, File as ElfFile, LITTLE, MemorySection};
use lines::Lines;
use symbols::Symbols;

/// A kernel for RISC-V, of 64 or 32 bits, as its linker wrote it: an ELF file with a symbol table.
///
/// No bytes make it panic. Information that the file lacks is `None`.
///
/// ```
/// use std::path::Path;
/// use debug::{Image, image};
///
/// let error = Image::parse(Path::new("notes.txt"), b"not a kernel".to_vec()).unwrap_err();
/// assert!(matches!(error, image::Error::NotElf { looks_like: "is text", .. }));
/// ```
pub struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
    xlen: Xlen,
    entry: Address,
    segments: Vec<Segment>,
    sections: Vec<MemorySection>,
    symbols: Symbols,
    relocations: Vec<Relocation>,
    /// The file with the symbols and the debug information, if this one is stripped.
    debug: Search,
    /// The symbols come from that file.
    symbols_apart: bool,
    /// The guest of a hypervisor, which has its own symbols.
    guest: Option<Box<Image>>,
    /// The file is no ELF: its bytes go to memory as they are.
    is_flat: bool,
    lines: OnceCell<Lines>,
    call_frames: OnceCell<Vec<u8>>,
}

impl Image {
    /// Takes `bytes` for the content of the file `path`, which is named in errors and not read: an ELF, or a Linux boot image.
    ///
    /// # Errors
    /// Says what the bytes are instead of an executable for little-endian RISC-V.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Image, Error> {
        if flat::is_boot_image(&bytes) {
            let (start, size) = flat::boot_image(path, &bytes)?;
            return Image::flat(path, bytes, start, size);
        }
        let file = ElfFile { path, bytes: &bytes };
        match file.xlen()? {
            Xlen::Rv32 => Image::parse_elf::<FileHeader32<LittleEndian>>(path, bytes),
            Xlen::Rv64 => Image::parse_elf::<FileHeader64<LittleEndian>>(path, bytes),
        }
    }

    fn parse_elf<H: Class>(path: &Path, bytes: Vec<u8>) -> Result<Image, Error> {
        let file = ElfFile { path, bytes: &bytes };
        let header: &H = file.header()?;
        let segments = file.segments(header)?;
        let section_table = file.sections(header)?;
        let sections = file.memory_sections(&section_table);
        let symbols = Symbols::parse(&file, &section_table, &sections)?;
        let relocations = relocations::parse(&file, header, &segments, &section_table);
        let entry = Address(header.e_entry(LITTLE).into());
        Ok(Image {
            path: path.to_owned(),
            xlen: H::XLEN,
            entry,
            segments,
            sections,
            symbols,
            relocations,
            bytes,
            debug: Search::default(),
            symbols_apart: false,
            guest: None,
            is_flat: false,
            lines: OnceCell::new(),
            call_frames: OnceCell::new(),
        })
    }

    /// Its guest's image, if there is one and this is a hypervisor.
    pub fn guest(&self) -> Option<&Image> {
        self.guest.as_deref()
    }

    /// The path of the kernel's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the kernel's file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of the other file that the symbols or the debug information come from, if any.
    pub fn debug_bytes(&self) -> Option<&[u8]> {
        self.debug.found.as_ref().map(|found| &*found.bytes)
    }

    /// The harts that it is for.
    pub fn xlen(&self) -> Xlen {
        self.xlen
    }

    /// Where a firmware jumps: the lowest address that something is loaded to.
    pub fn jumped_to(&self) -> Address {
        let loaded = self.segments.iter().filter(|segment| segment.memory_size > 0).map(|segment| segment.physical);
        loaded.min().unwrap_or(self.entry)
    }

    /// Whether the file is no ELF: its bytes go to memory as they are.
    pub fn is_flat(&self) -> bool {
        self.is_flat
    }

    /// The other file that the symbols or the debug information come from, if any.
    pub fn debug_file(&self) -> Option<&Path> {
        self.debug.found.as_ref().map(|found| &*found.path)
    }

    /// Why there are no symbols, and where they may be; `None` if there are symbols.
    pub fn stripped(&self) -> Option<Error> {
        self.symbols.is_empty().then(|| Error::NoSymbols {
            path: self.path.clone(),
            named: self.debug.named.clone(),
            missing: self.debug.missing.clone(),
            other_builds: self.debug.other_builds.clone(),
        })
    }

    /// The relocations (R_RISCV_RELATIVE) that the kernel must apply itself before it uses its pointers, and that the linker did not.
    pub fn relocations(&self) -> &[Relocation] {
        &self.relocations
    }

    /// The entry point (e_entry).
    pub fn entry(&self) -> Address {
        self.entry
    }

    /// The segments that are loaded into memory, in the file's order; at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments by load address, the lowest first, if all of them fit into `memory`.
    ///
    /// # Errors
    /// [`Error::OutsideMemory`], [`Error::Overlapping`], [`Error::OddEntry`].
    pub fn load_order(&self, memory: &Range<Address>) -> Result<Vec<&Segment>, Error> {
        let mut segments: Vec<&Segment> = self.segments.iter().collect();
        segments.sort_by_key(|segment| segment.physical);
        let path = || self.path.clone();
        let fits = |range: &Range<Address>| memory.start <= range.start && range.end <= memory.end;
        if let Some(outside) = segments.iter().map(|segment| segment.loaded()).find(|range| !fits(range)) {
            return Err(Error::OutsideMemory { path: path(), segment: outside, memory: memory.clone() });
        }
        if let Some(pair) = headers::overlapping(&segments) {
            return Err(Error::Overlapping { path: path(), segments: pair.map(Segment::loaded) });
        }
        match segments.first() {
            Some(first) if !first.physical.0.is_multiple_of(2) => {
                Err(Error::OddEntry { path: path(), entry: first.physical })
            }
            _ => Ok(segments),
        }
    }

    /// The bytes in the file of a segment. The rest of its memory starts as zero.
    pub fn file_bytes(&self, segment: &Segment) -> &[u8] {
        self.bytes.get(segment.file.clone()).unwrap_or_default()
    }

    /// The symbol with exactly this name, not demangled.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.find(self.symbol_bytes(), name)
    }

    /// Like [`Image::symbol`], for a symbol that must exist.
    ///
    /// # Errors
    /// [`Error::MissingSymbol`] with up to five similar names; [`Error::NoSymbols`] if there are no symbols at all.
    pub fn require(&self, name: &str) -> Result<Symbol, Error> {
        self.symbol(name).ok_or_else(|| {
            self.stripped().unwrap_or_else(|| Error::MissingSymbol {
                path: self.path.clone(),
                name: name.into(),
                near: near::near(name, self.symbols().map(|symbol| symbol.name)),
            })
        })
    }

    /// Like [`Image::require`], for the kernel's first instruction: the similar names start with that of the entry point.
    ///
    /// # Errors
    /// Those of [`Image::require`].
    pub fn require_entry(&self, name: &str) -> Result<Symbol, Error> {
        let mut required = self.require(name);
        if let Err(Error::MissingSymbol { near, .. }) = &mut required
            && let Some((entry, 0)) = self.function(self.entry)
        {
            near.retain(|name| *name != entry);
            near.insert(0, entry);
            near.truncate(5);
        }
        required
    }

    /// The defined symbols by address, without the assembler's (`.L…`, `$x`, `$d`) and without symbols of files, sections and debug
    /// information.
    pub fn symbols(&self) -> impl DoubleEndedIterator<Item = Symbol> + '_ {
        self.symbols.iter(self.symbol_bytes())
    }

    /// The nearest symbol strictly below `address`.
    pub fn symbol_below(&self, address: Address) -> Option<Symbol> {
        self.symbols.below(self.symbol_bytes(), address)
    }

    /// The function with the instruction at `address` (linked or load address), demangled, and the offset from its start in bytes.
    ///
    /// A sized function that contains the address is preferred to the nearest label below. `None` outside of code.
    pub fn function(&self, address: Address) -> Option<(String, u64)> {
        let address = self.linked(address);
        let section = self.section_around(address).filter(|section| section.code)?;
        self.symbols.around(self.symbol_bytes(), section, address)
    }

    /// The zero-initialised memory, by sections with their names (`.bss`, `.sbss` and so on), or by segments if there is no section table.
    pub fn zeroed(&self) -> Vec<(String, Range<Address>)> {
        let range = |start, end| Address(start)..Address(end);
        if self.is_flat && self.sections.is_empty() {
            // It may need memory beyond its bytes, and does not tell what for.
            return Vec::new();
        }
        if self.sections.is_empty() {
            let zeroed = self.segments.iter().filter(|segment| segment.memory_size > segment.file.len() as u64);
            let part = |segment: &Segment| {
                ("zero-initialised memory".into(), segment.address + segment.file.len() as u64..segment.end())
            };
            return zeroed.map(part).collect();
        }
        let zeroed = self.sections.iter().filter(|section| section.zeroed && !section.range.is_empty());
        zeroed.map(|section| (section.name.clone(), range(section.range.start, section.range.end))).collect()
    }

    /// The image's instructions: each section of code, with the address of its first byte.
    pub fn code(&self) -> impl Iterator<Item = (Address, &[u8])> + '_ {
        let code = self.sections.iter().filter(|section| section.code && !section.range.is_empty());
        code.map(|section| (Address(section.range.start), self.bytes.get(section.file.clone()).unwrap_or_default()))
    }

    /// The sections that are in memory, with their names, by address.
    pub fn memory_sections(&self) -> Vec<(String, Range<Address>)> {
        let sections = self.sections.iter().filter(|section| !section.range.is_empty());
        let mut sections: Vec<_> = sections
            .map(|section| (section.name.clone(), Address(section.range.start)..Address(section.range.end)))
            .collect();
        sections.sort_by_key(|(_, range)| range.start);
        sections
    }

    /// Whether an instruction of the image may be at `address`.
    pub fn is_code(&self, address: Address) -> bool {
        self.section_around(self.linked(address)).is_some_and(|section| section.code)
    }

    fn section_around(&self, address: Address) -> Option<&MemorySection> {
        self.sections.iter().find(|section| section.range.contains(&address.0))
    }

    fn symbol_bytes(&self) -> &[u8] {
        match &self.debug.found {
            Some(found) if self.symbols_apart => &found.bytes,
            _ => &self.bytes,
        }
    }

    fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| Lines::parse(&self.path, |name| self.section(name)))
    }

    /// The bytes of .debug_frame; empty if there is none.
    fn call_frames(&self) -> &[u8] {
        self.call_frames.get_or_init(|| self.section(".debug_frame").unwrap_or_default().into_owned())
    }

    /// The decompressed bytes of a section, from the debug file if this file does not have it.
    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let apart = || debug_sections::find(&self.debug.found.as_ref()?.bytes, name);
        debug_sections::find(&self.bytes, name).or_else(apart)
    }

    fn section_address(&self, name: &str) -> Option<u64> {
        let apart = || debug_sections::address(&self.debug.found.as_ref()?.bytes, name);
        debug_sections::address(&self.bytes, name).or_else(apart)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Image").field("path", &self.path).field("entry", &self.entry).finish_non_exhaustive()
    }
}
