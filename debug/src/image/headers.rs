//! The ELF headers: is this a kernel that a RISC-V hart can run, and which bytes of it go where.
//!
//! It does not know symbols or DWARF. Sources: the System V ABI, chapters "ELF Header", "Sections" and "Program Header"; the
//! RISC-V ELF psABI, chapter "ELF Object Files".

use std::ops::Range;
use std::path::Path;

use object::LittleEndian;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};

use super::error::{Error, looks_like};
use crate::riscv::{Address, Xlen, board};

pub(super) const LITTLE: LittleEndian = LittleEndian;

pub(super) type Sections<'a, H> = SectionTable<'a, H>;

/// A class of ELF file: the sizes of its fields.
pub(super) trait Class: FileHeader<Endian = LittleEndian> {
    /// The harts that its kernels are for.
    const XLEN: Xlen;
}

impl Class for FileHeader32<LittleEndian> {
    const XLEN: Xlen = Xlen::Rv32;
}

impl Class for FileHeader64<LittleEndian> {
    const XLEN: Xlen = Xlen::Rv64;
}

/// Whether the class is that of 32 bits, whatever else the file is.
pub(super) fn is_elf32(bytes: &[u8]) -> bool {
    bytes.get(4) == Some(&elf::ELFCLASS32.0)
}

/// The longest name of a section. Longer names are cut: a damaged one may be as long as the file.
const LONGEST_NAME: usize = 64;

/// A part of the file that is loaded into memory (PT_LOAD, of at least one byte).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The linked address (p_vaddr).
    pub address: Address,
    /// The load address (p_paddr). It is the same for kernels that do not translate addresses.
    pub physical: Address,
    /// Its range in the file. The rest of `memory_size` starts as zero.
    pub file: Range<usize>,
    /// Its size in memory, in bytes: at least 1, and at least the size in the file.
    pub memory_size: u64,
    /// Whether it may be executed (PF_X).
    pub executable: bool,
    /// Whether it may be written (PF_W).
    pub writable: bool,
}

impl Segment {
    /// Exclusive.
    pub fn end(&self) -> Address {
        self.address + self.memory_size
    }

    /// Whether the linked address is in the segment.
    pub fn contains(&self, address: Address) -> bool {
        self.address <= address && address < self.end()
    }

    /// The load addresses.
    pub fn loaded(&self) -> Range<Address> {
        self.physical..self.physical + self.memory_size
    }
}

/// Two segments that overlap in memory, if there are any; `segments` are sorted by load address.
pub(super) fn overlapping<'a>(segments: &[&'a Segment]) -> Option<[&'a Segment; 2]> {
    segments.windows(2).find(|pair| pair[0].loaded().end > pair[1].physical).map(|pair| [pair[0], pair[1]])
}

/// A section that is in memory while the kernel runs (SHF_ALLOC).
#[derive(Clone, Debug)]
pub(super) struct MemorySection {
    /// Its index in the section table, to which symbols refer.
    pub index: usize,
    pub name: String,
    pub range: Range<u64>,
    /// It holds instructions (SHF_EXECINSTR).
    pub code: bool,
    /// It has no bytes in the file and starts as zero (SHT_NOBITS).
    pub zeroed: bool,
    /// Its bytes in the file; none for .bss.
    pub file: Range<usize>,
}

/// The parser of a file. Its methods return errors for invalid parts.
pub(super) struct File<'a> {
    pub path: &'a Path,
    pub bytes: &'a [u8],
}

impl<'a> File<'a> {
    /// Which harts the file is for, if it is a little-endian ELF for RISC-V.
    pub fn xlen(&self) -> Result<Xlen, Error> {
        let path = || self.path.to_owned();
        if !self.bytes.starts_with(&elf::ELFMAG) {
            let (looks_like, advice) = looks_like(self.bytes);
            return Err(Error::NotElf { path: path(), looks_like, advice });
        }
        // Class, byte order and machine have the same offsets in every ELF file.
        self.reaches("ELF header", 20)?;
        let machine_bytes = [self.bytes[18], self.bytes[19]];
        let big_endian = self.bytes[5] == elf::ELFDATA2MSB.0;
        let machine = if big_endian { u16::from_be_bytes(machine_bytes) } else { u16::from_le_bytes(machine_bytes) };
        if machine != elf::EM_RISCV.0 {
            return Err(Error::OtherArchitecture { path: path(), architecture: architecture(machine) });
        }
        if big_endian {
            return Err(Error::BigEndian { path: path() });
        }
        Ok(if is_elf32(self.bytes) { Xlen::Rv32 } else { Xlen::Rv64 })
    }

    /// The ELF header of an executable.
    pub fn header<H: Class>(&self) -> Result<&'a H, Error> {
        let path = || self.path.to_owned();
        self.reaches("ELF header", size_of::<H>() as u64)?;
        let header = H::parse(self.bytes).map_err(|error| self.malformed(error))?;
        match header.e_type(LITTLE) {
            elf::ET_EXEC | elf::ET_DYN => Ok(header),
            elf::ET_REL => Err(Error::NotExecutable {
                path: path(),
                why: "it is an object file, not linked yet",
                advice: "link it, and give the linked ELF file",
            }),
            elf::ET_CORE => Err(Error::NotExecutable {
                path: path(),
                why: "it is a core dump",
                advice: "give the kernel's ELF file, as the linker wrote it",
            }),
            other => Err(self.malformed(format!("{:#x} is not a known type of ELF file", other.0))),
        }
    }

    /// The segments to load, in the file's order; at least one.
    pub fn segments<H: Class>(&self, header: &H) -> Result<Vec<Segment>, Error> {
        let count = header.phnum(LITTLE, self.bytes).map_err(|error| self.malformed(error))?;
        let size = u64::from(count) * u64::from(header.e_phentsize(LITTLE));
        self.table("program header table", header.e_phoff(LITTLE).into(), size)?;
        let headers = header.program_headers(LITTLE, self.bytes).map_err(|error| self.malformed(error))?;
        let mut segments = Vec::new();
        for program_header in headers {
            if program_header.p_type(LITTLE) == elf::PT_LOAD && program_header.p_memsz(LITTLE).into() > 0 {
                segments.push(self.segment(program_header)?);
            }
        }
        if segments.is_empty() {
            return Err(Error::NotExecutable {
                path: self.path.to_owned(),
                why: "nothing in it is loaded into memory (it has no PT_LOAD segment)",
                advice: "check the linker script and `readelf -l`",
            });
        }
        Ok(segments)
    }

    fn segment(&self, header: &impl ProgramHeader<Endian = LittleEndian>) -> Result<Segment, Error> {
        let address: u64 = header.p_vaddr(LITTLE).into();
        let what = || format!("segment at {address:#x}");
        let (offset, file_size) = header.file_range(LITTLE);
        let mut file = self.table(&what(), offset, file_size)?;
        let mut memory_size: u64 = header.p_memsz(LITTLE).into();
        if memory_size < file_size {
            return Err(self.malformed(format!("the {} has more bytes in the file than in memory", what())));
        }
        let physical: u64 = header.p_paddr(LITTLE).into();
        if address.checked_add(memory_size).is_none() || physical.checked_add(memory_size).is_none() {
            return Err(self.malformed(format!("the {} goes beyond the end of memory", what())));
        }
        let flags = header.p_flags(LITTLE);
        // Without a linker script the headers are loaded before the first section, here where no memory is: QEMU drops them.
        let below = board::RAM_BASE.saturating_sub(physical);
        let cut = if offset == 0 && below < file_size { below } else { 0 };
        file.start += cut as usize;
        memory_size -= cut;
        Ok(Segment {
            address: Address(address + cut),
            physical: Address(physical + cut),
            file,
            memory_size,
            executable: flags.contains(elf::PF_X),
            writable: flags.contains(elf::PF_W),
        })
    }

    /// The section table; empty if the file has none.
    pub fn sections<H: Class>(&self, header: &H) -> Result<Sections<'a, H>, Error> {
        let count = self.section_count(header)?;
        let size = count.saturating_mul(u64::from(header.e_shentsize(LITTLE)));
        self.table("section header table", header.e_shoff(LITTLE).into(), size)?;
        let sections = header.sections(LITTLE, self.bytes).map_err(|error| self.malformed(error))?;
        for (index, section) in sections.enumerate() {
            if let Some((offset, size)) = section.file_range(LITTLE) {
                // The name is only for the message: it may be as long as the file.
                if offset.checked_add(size).is_none_or(|end| end > self.bytes.len() as u64) {
                    let name = sections.section_name(LITTLE, section).unwrap_or_default();
                    let name = String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]).into_owned();
                    self.table(&format!("section {index} ({name})"), offset, size)?;
                }
            }
        }
        Ok(sections)
    }

    fn section_count(&self, header: &impl Class) -> Result<u64, Error> {
        let offset: u64 = header.e_shoff(LITTLE).into();
        if offset != 0 {
            // If the count does not fit into the ELF header, it is in the first section header.
            self.table("section header table", offset, u64::from(header.e_shentsize(LITTLE)))?;
        }
        Ok(header.shnum(LITTLE, self.bytes).map_err(|error| self.malformed(error))?.into())
    }

    /// The sections that are in memory while the kernel runs. Symbols may belong to empty ones too.
    pub fn memory_sections<H: Class>(&self, sections: &Sections<'_, H>) -> Vec<MemorySection> {
        let in_memory = |section: &&H::SectionHeader| section.sh_flags(LITTLE).contains(elf::SHF_ALLOC);
        let memory_section = |(index, section): (usize, &H::SectionHeader)| {
            let start: u64 = section.sh_addr(LITTLE).into();
            let (offset, size) = section.file_range(LITTLE).unwrap_or((0, 0));
            let name = sections.section_name(LITTLE, section).unwrap_or_default();
            MemorySection {
                index,
                name: String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]).into_owned(),
                zeroed: section.sh_type(LITTLE) == elf::SHT_NOBITS,
                range: start..start.saturating_add(section.sh_size(LITTLE).into()),
                code: section.sh_flags(LITTLE).contains(elf::SHF_EXECINSTR),
                file: offset as usize..(offset + size) as usize, // within the file: `sections` saw to it
            }
        };
        let all = sections.iter().enumerate();
        all.filter(|(_, section)| in_memory(section)).map(memory_section).collect()
    }

    /// [`offset`, `offset + size`) of the file.
    fn table(&self, what: &str, offset: u64, size: u64) -> Result<Range<usize>, Error> {
        let end = offset
            .checked_add(size)
            .ok_or_else(|| self.malformed(format!("its {what} is beyond the end of any file")))?;
        if size > 0 {
            self.reaches(what, end)?;
            Ok(offset as usize..end as usize)
        } else {
            Ok(0..0)
        }
    }

    fn reaches(&self, what: &str, end: u64) -> Result<(), Error> {
        let length = self.bytes.len() as u64;
        if end <= length {
            return Ok(());
        }
        Err(Error::Truncated { path: self.path.to_owned(), what: what.to_owned(), end, length })
    }

    pub fn malformed(&self, what: impl ToString) -> Error {
        Error::Malformed { path: self.path.to_owned(), what: what.to_string() }
    }
}

/// The common name of an e_machine value.
fn architecture(machine: u16) -> String {
    match elf::Machine(machine) {
        elf::EM_NONE => "no machine at all".into(),
        elf::EM_X86_64 => "x86-64".into(),
        elf::EM_386 => "32-bit x86".into(),
        elf::EM_AARCH64 => "AArch64".into(),
        elf::EM_ARM => "32-bit Arm".into(),
        elf::EM_PPC => "32-bit PowerPC".into(),
        elf::EM_PPC64 => "PowerPC 64".into(),
        elf::EM_MIPS => "MIPS".into(),
        elf::EM_S390 => "S/390".into(),
        elf::EM_SPARC | elf::EM_SPARCV9 => "SPARC".into(),
        elf::EM_LOONGARCH => "LoongArch".into(),
        elf::EM_BPF => "BPF".into(),
        elf::EM_AVR => "AVR".into(),
        elf::EM_XTENSA => "Xtensa".into(),
        elf::Machine(other) => format!("ELF machine {other}"),
    }
}
