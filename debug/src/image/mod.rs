//! A kernel's ELF and DWARF bytes: its symbols, segments, source lines, and the functions on its stack.
//!
//! It does not know machines: registers and memory come from the caller.

mod error;
#[cfg(test)]
mod fixture;
mod headers;
mod lines;
mod near;
mod place;
mod symbols;
#[cfg(test)]
mod tests;
mod unwind;

use std::cell::OnceCell;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{FileHeader, SectionHeader};

pub use error::Error;
pub use headers::Segment;
pub use place::{Line, Place};
pub use symbols::Symbol;
pub use unwind::ReadMemory;

use crate::machine::{Address, Registers};
use headers::{LITTLE, MemorySection};
use lines::Lines;
use symbols::Symbols;

/// Larger files are refused, in bytes: no kernel is, and a disk image is easily named by mistake.
const LARGEST: u64 = 1 << 30;

/// A kernel for 64-bit RISC-V, as its linker wrote it: an ELF file with a symbol table.
///
/// Whatever the bytes are, neither opening nor asking panics; what the file does not tell is `None`.
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
    entry: Address,
    segments: Vec<Segment>,
    sections: Vec<MemorySection>,
    symbols: Symbols,
    lines: OnceCell<Lines>,
}

impl Image {
    /// Reads the file, of at most 1 GiB.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::NotAFile`], [`Error::TooLarge`], and those of [`Image::parse`].
    pub fn open(path: &Path) -> Result<Image, Error> {
        Image::parse(path, read(path)?)
    }

    /// Takes `bytes` for the content of the file `path`, which is named in errors and not read.
    ///
    /// # Errors
    /// Says what the bytes are instead of an executable for little-endian RV64 with a symbol table.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Image, Error> {
        let file = headers::File { path, bytes: &bytes };
        let header = file.header()?;
        let segments = file.segments(header)?;
        let section_table = file.sections(header)?;
        let sections = file.memory_sections(&section_table);
        let symbols = Symbols::parse(&file, &section_table, &sections)?;
        let entry = Address(header.e_entry(LITTLE));
        Ok(Image { path: path.to_owned(), entry, segments, sections, symbols, bytes, lines: OnceCell::new() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The instruction to start at (e_entry).
    pub fn entry(&self) -> Address {
        self.entry
    }

    /// What is loaded into memory, in the file's order; at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the file holds of one of this image's segments; the rest of its memory starts as zero.
    pub fn file_bytes(&self, segment: &Segment) -> &[u8] {
        self.bytes.get(segment.file.clone()).unwrap_or_default()
    }

    /// The symbol of this very name, not demangled.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.find(&self.bytes, name)
    }

    /// As [`Image::symbol`], for a symbol that must be there; `option` is what renames it, such as `--bss-start`.
    ///
    /// # Errors
    /// [`Error::MissingSymbol`], with up to five near names and the option.
    pub fn require(&self, name: &str, option: &str) -> Result<Symbol, Error> {
        self.symbol(name).ok_or_else(|| {
            let mut near = near::near(name, self.symbols().map(|symbol| symbol.name));
            // Whatever it is called, what lies at the entry point is likely to be the entry.
            if let Some((entry, 0)) = self.function(self.entry).filter(|_| option == "--entry") {
                near.retain(|name| *name != entry);
                near.insert(0, entry);
                near.truncate(5);
            }
            Error::MissingSymbol { path: self.path.clone(), name: name.into(), option: option.into(), near }
        })
    }

    /// The symbols that are defined, by address; without the assembler's own (`.L…`, `$x`, `$d`) and those of files,
    /// sections and debug information.
    pub fn symbols(&self) -> impl DoubleEndedIterator<Item = Symbol> + '_ {
        self.symbols.iter(&self.bytes)
    }

    /// The nearest symbol strictly below `address`.
    pub fn symbol_below(&self, address: Address) -> Option<Symbol> {
        self.symbols.below(&self.bytes, address)
    }

    /// The function that the instruction at `address` belongs to, demangled, and the offset from its start in bytes.
    ///
    /// One with a size that covers the address comes first, else the nearest label below. None outside of code.
    pub fn function(&self, address: Address) -> Option<(String, u64)> {
        let section = self.section_around(address).filter(|section| section.code)?;
        self.symbols.around(&self.bytes, section, address)
    }

    /// The source line that the instruction at `address` was made from, where the image tells.
    pub fn line(&self, address: Address) -> Option<Line> {
        self.lines.get_or_init(|| Lines::parse(|name| self.section(name))).find(address)
    }

    /// All that is known about `address`: the function or object that it belongs to, and of an instruction, its line.
    pub fn place(&self, address: Address) -> Place {
        let section = self.section_around(address);
        let symbol = section.and_then(|section| self.symbols.around(&self.bytes, section, address));
        let line = section.filter(|section| section.code).and_then(|_| self.line(address));
        Place { address, symbol, line }
    }

    /// The functions on the stack, innermost first: where the hart stands, and where each caller goes on after its call.
    ///
    /// Follows the call frame information (.debug_frame, .eh_frame); where there is none, as in assembly, the return
    /// address in ra and the frame pointers from s0. Ends at the entry function, where memory cannot be read, and where
    /// what it finds cannot be a caller; at 64 functions at the latest. The lines are those of the calls.
    pub fn backtrace(&self, registers: &Registers, read: &mut ReadMemory<'_>) -> Vec<Place> {
        unwind::backtrace(self, registers, read)
    }

    /// The image's instructions: each section of code, with the address of its first byte.
    pub fn code(&self) -> impl Iterator<Item = (Address, &[u8])> + '_ {
        let code = self.sections.iter().filter(|section| section.code);
        code.map(|section| (Address(section.range.start), self.bytes.get(section.file.clone()).unwrap_or_default()))
    }

    /// Whether an instruction of the image may be at `address`.
    pub fn is_code(&self, address: Address) -> bool {
        self.section_around(address).is_some_and(|section| section.code)
    }

    fn section_around(&self, address: Address) -> Option<&MemorySection> {
        self.sections.iter().find(|section| section.range.contains(&address.0))
    }

    /// The bytes of a section; None where it is missing, compressed, or not in the file.
    fn section(&self, name: &str) -> Option<&[u8]> {
        let section = self.section_header(name)?;
        let compressed = section.sh_flags(LITTLE).contains(elf::SHF_COMPRESSED);
        section.data(LITTLE, &*self.bytes).ok().filter(|_| !compressed)
    }

    fn section_address(&self, name: &str) -> Option<u64> {
        Some(self.section_header(name)?.sh_addr(LITTLE))
    }

    fn section_header(&self, name: &str) -> Option<&elf::SectionHeader64<object::LittleEndian>> {
        let header = headers::Header::parse(&*self.bytes).ok()?;
        let sections = header.sections(LITTLE, &*self.bytes).ok()?;
        sections.section_by_name(LITTLE, name.as_bytes()).map(|(_, section)| section)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Image").field("path", &self.path).field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The whole file, where it is one of a size that a kernel may have.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |reason: io::Error| {
        let advice = match reason.kind() {
            io::ErrorKind::NotFound => "build the kernel first, or name its ELF file",
            io::ErrorKind::PermissionDenied => "look at the file's permissions",
            _ => "look at the file and the disk it is on",
        };
        Error::Unreadable { path: path.to_owned(), reason, advice }
    };
    let not_a_file = |what| Error::NotAFile { path: path.to_owned(), what };
    let too_large = |bytes| Error::TooLarge { path: path.to_owned(), bytes, limit: LARGEST };
    // Looked at before it is opened: to open a pipe is to wait for its writer.
    let kind = path.metadata().map_err(unreadable)?;
    if kind.is_dir() {
        return Err(not_a_file("a folder"));
    }
    if !kind.is_file() {
        return Err(not_a_file("a device, pipe or socket"));
    }
    if kind.len() > LARGEST {
        return Err(too_large(kind.len()));
    }
    let mut bytes = Vec::with_capacity(kind.len() as usize);
    let file = File::open(path).map_err(unreadable)?;
    // It may have grown since.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}
