//! Opens a kernel's files and makes an [`Image`] from them. Other modules parse them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use object::LittleEndian;
use object::elf::{FileHeader32, FileHeader64};

use super::debug_file::{self, DebugFile, Search};
use super::headers::{Class, File as ElfFile, MemorySection};
use super::symbols::Symbols;
use super::{Error, Image, debug_sections, flat};
use crate::riscv::{Address, Xlen};

/// The largest file in bytes. No kernel is larger, and a disk image is easily named by mistake.
pub(super) const LARGEST: u64 = 1 << 30;

/// A kernel's file, with information that the file lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFiles {
    /// An ELF, a Linux boot image, or, with a load address, any bytes.
    pub kernel: PathBuf,
    /// The physical load address of a file that is not an ELF. Its first byte is the first instruction.
    pub load_address: Option<Address>,
    /// The ELF that has the kernel's symbols and debug information.
    pub symbols: Option<PathBuf>,
    /// The ELF of a hypervisor's guest, for the names of its addresses.
    pub guest: Option<PathBuf>,
}

impl KernelFiles {
    /// An ELF or a boot image, which needs nothing else.
    pub fn of(kernel: &Path) -> KernelFiles {
        KernelFiles { kernel: kernel.to_owned(), ..KernelFiles::default() }
    }
}

impl Image {
    /// Reads the file, at most 1 GiB. If it is stripped, also reads the file with its symbols and debug information.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::NotAFile`], [`Error::TooLarge`], and those of [`Image::parse`].
    pub fn open(path: &Path) -> Result<Image, Error> {
        Image::open_files(&KernelFiles::of(path))
    }

    /// Like [`Image::open`], for a kernel in several files, or one without a load address.
    ///
    /// # Errors
    /// Those of [`Image::open`]; [`Error::PlacedElf`]; [`Error::NoSymbols`] for the file with the symbols.
    pub fn open_files(files: &KernelFiles) -> Result<Image, Error> {
        let mut image = Image::open_own(files)?;
        let guest = files.guest.as_deref().map(Image::open).transpose()?;
        image.guest = guest.map(Box::new);
        Ok(image)
    }

    /// Names the kernel's file in messages from now on: a recording's lies in a temporary folder, whose name says nothing.
    pub fn set_path(&mut self, path: &str) {
        self.path = path.into();
    }

    fn open_own(files: &KernelFiles) -> Result<Image, Error> {
        let (path, bytes) = (&*files.kernel, read(&files.kernel)?);
        let mut image = match files.load_address {
            None => Image::parse(path, bytes)?,
            Some(_) if bytes.starts_with(&object::elf::ELFMAG) => {
                return Err(Error::PlacedElf { path: path.to_owned() });
            }
            Some(start) => {
                let size = if flat::is_boot_image(&bytes) { flat::boot_image(path, &bytes)?.1 } else { 0 };
                Image::flat(path, bytes, start, size)?
            }
        };
        if let Some(symbols) = &files.symbols {
            image.take_symbols(symbols, read(symbols)?)?;
            return Ok(image);
        }
        let has = |name| debug_sections::address(&image.bytes, name).is_some();
        if !image.is_flat && (!has(".symtab") || !has(".debug_info") && !has(".zdebug_info")) {
            image.debug = debug_file::search(path, &image.bytes, LARGEST);
            image.take_symbols_from_debug_file();
        }
        Ok(image)
    }

    /// An image whose bytes are loaded unchanged at `start`, and which takes at least `size` bytes there.
    ///
    /// # Errors
    /// [`Error::BadBootImage`] if it ends beyond the end of memory, or is empty.
    pub fn flat(path: &Path, bytes: Vec<u8>, start: Address, size: u64) -> Result<Image, Error> {
        let segment = flat::segment(path, bytes.len(), start, size)?;
        Ok(Image {
            path: path.to_owned(),
            xlen: Xlen::Rv64, // until its ELF tells
            entry: start,
            segments: vec![segment],
            sections: Vec::new(),
            symbols: Symbols::none(),
            relocations: Vec::new(),
            bytes,
            debug: Search::default(),
            symbols_apart: false,
            guest: None,
            is_flat: true,
            lines: Default::default(),
            call_frames: Default::default(),
        })
    }

    /// Takes symbols and debug information from another ELF: the one a flat image was made from, or an unstripped copy.
    ///
    /// # Errors
    /// If it is not an ELF for RISC-V, or has no symbols.
    pub fn take_symbols(&mut self, path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
        let linked = Image::parse(path, bytes)?;
        if let Some(error) = linked.stripped() {
            return Err(error);
        }
        if self.is_flat {
            self.take_places(&linked);
        }
        let home = if self.sections.is_empty() { &linked.sections } else { &self.sections };
        self.symbols = linked.symbols.moved(&linked.sections, home);
        self.debug =
            Search { found: Some(DebugFile { path: path.to_owned(), bytes: linked.bytes }), ..Search::default() };
        self.symbols_apart = true;
        Ok(())
    }

    /// A flat image's segments and sections, from the ELF that it was made from.
    fn take_places(&mut self, linked: &Image) {
        let [whole] = &self.segments[..] else { return };
        let start = whole.physical;
        self.xlen = linked.xlen;
        self.segments = flat::segments_as_linked(whole, &linked.segments);
        self.entry = self.linked(start);
        self.sections = linked.sections.clone();
        let length = self.bytes.len();
        for index in 0..self.sections.len() {
            let section = &self.sections[index];
            let offset = self.physical(Address(section.range.start)).0.wrapping_sub(start.0);
            let size = if section.zeroed { 0 } else { section.range.end - section.range.start };
            let held = usize::try_from(offset).ok().zip(usize::try_from(offset.saturating_add(size)).ok());
            self.sections[index].file = held.filter(|(_, end)| *end <= length).map_or(0..0, |(start, end)| start..end);
        }
    }

    /// A debug file that cannot be read is ignored: the kernel itself is complete.
    fn take_symbols_from_debug_file(&mut self) {
        let Some(found) = &self.debug.found else { return };
        let file = ElfFile { path: &found.path, bytes: &found.bytes };
        let symbols = match self.xlen {
            Xlen::Rv32 => symbols_of::<FileHeader32<LittleEndian>>(&file, &self.sections),
            Xlen::Rv64 => symbols_of::<FileHeader64<LittleEndian>>(&file, &self.sections),
        };
        if let Ok(symbols) = symbols
            && debug_sections::address(&self.bytes, ".symtab").is_none()
            && !symbols.is_empty()
        {
            self.symbols = symbols;
            self.symbols_apart = true;
        }
    }
}

/// The symbols of another file of this kernel's, whose sections in memory are `home`.
fn symbols_of<H: Class>(file: &ElfFile<'_>, home: &[MemorySection]) -> Result<Symbols, Error> {
    let header: &H = file.header()?;
    let table = file.sections(header)?;
    let sections = file.memory_sections(&table);
    Ok(Symbols::parse(file, &table, &sections)?.moved(&sections, home))
}

/// Reads the whole file, if its size is possible for a kernel.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |reason: io::Error| {
        let advice = match reason.kind() {
            io::ErrorKind::NotFound => "build the kernel first, or name its ELF file",
            io::ErrorKind::PermissionDenied => "check the file's permissions",
            _ => "check the file and its disk",
        };
        Error::Unreadable { path: path.to_owned(), reason, advice }
    };
    let not_a_file = |what| Error::NotAFile { path: path.to_owned(), what };
    let too_large = |bytes| Error::TooLarge { path: path.to_owned(), bytes, limit: LARGEST };
    // Check before opening: opening a pipe would wait for its writer.
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
    // It may have grown meanwhile.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}
