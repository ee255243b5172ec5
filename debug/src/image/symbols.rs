//! The symbol table: names to addresses, and addresses to the function or object around them. It does not read DWARF.
//!
//! Sources: the System V ABI, chapter "Symbol Table"; the RISC-V ELF psABI, section "Mapping Symbol".

use std::ops::Range;

use object::elf;
use object::read::elf::{SectionHeader, Sym};
use object::{LittleEndian, SymbolIndex};

use super::error::Error;
use super::headers::{Class, File, LITTLE, MemorySection, Sections};
use crate::riscv::Address;

/// A symbol that is defined in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As in the symbol table, not demangled; what is not UTF-8 in it is replaced.
    pub name: String,
    /// The linked address.
    pub address: Address,
    /// In bytes; 0 where the symbol does not tell, as those of linker scripts and assembly.
    pub size: u64,
}

/// The symbols that mean something at run time, by address.
pub(super) struct Symbols {
    /// Sorted by address; of several at one address, the one to show is last.
    entries: Vec<Entry>,
    /// The string table's bytes in the file.
    strings: Range<usize>,
}

struct Entry {
    address: u64,
    size: u64,
    /// Offset of its name in the string table.
    name: usize,
    kind: elf::SymbolType,
    binding: elf::SymbolBind,
    /// Number of its section; None for an absolute one, as linker scripts define outside of sections.
    section: Option<usize>,
}

impl Symbols {
    pub fn parse<H: Class>(
        file: &File<'_>,
        sections: &Sections<'_, H>,
        memory: &[MemorySection],
    ) -> Result<Symbols, Error> {
        let table = |kind| sections.symbols(LITTLE, file.bytes, kind).map_err(|error| file.malformed(error));
        let full = table(elf::SHT_SYMTAB)?;
        // A kernel that relocates itself keeps its global symbols when it is stripped.
        let table = if full.is_empty() { table(elf::SHT_DYNSYM)? } else { full };
        if table.is_empty() {
            return Ok(Symbols::none());
        }
        let strings = sections.section(table.string_section()).map_err(|error| file.malformed(error))?;
        let (start, size) = strings.file_range(LITTLE).unwrap_or((0, 0));
        let end = start.checked_add(size).filter(|end| *end <= file.bytes.len() as u64);
        let end = end.ok_or_else(|| file.malformed("the names of its symbols are not in the file"))?;
        let mut symbols = Symbols { entries: Vec::new(), strings: start as usize..end as usize };
        for (index, symbol) in table.enumerate() {
            let section = match symbol.st_shndx(LITTLE) {
                elf::SHN_ABS => None,
                _ => match table.symbol_section(LITTLE, symbol, index) {
                    Ok(Some(section)) if numbered(memory, section.0).is_some() => Some(section.0),
                    // Linkers leave the flags of a section without bytes out, an empty .bss; its address says that it is in memory.
                    Ok(Some(section)) if has_address(sections, section) => None,
                    _ => continue, // undefined, or not in memory: .debug_info and the like
                },
            };
            symbols.add(file.bytes, symbol, index, section);
        }
        symbols.sort(file.bytes, memory);
        Ok(symbols)
    }

    pub fn none() -> Symbols {
        Symbols { entries: Vec::new(), strings: 0..0 }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// For the file that has the same sections in memory, under numbers of its own.
    pub fn moved(mut self, from: &[MemorySection], to: &[MemorySection]) -> Symbols {
        for entry in &mut self.entries {
            let home = entry.section.and_then(|index| numbered(from, index));
            let same = home.and_then(|home| to.iter().find(|section| section.range == home.range));
            entry.section = same.map(|section| section.index);
        }
        self
    }

    fn add(
        &mut self,
        bytes: &[u8],
        symbol: &impl Sym<Endian = LittleEndian>,
        index: SymbolIndex,
        section: Option<usize>,
    ) {
        let entry = Entry {
            address: symbol.st_value(LITTLE).into(),
            size: symbol.st_size(LITTLE).into(),
            name: symbol.st_name(LITTLE) as usize,
            kind: symbol.st_type(),
            binding: symbol.st_bind(),
            section,
        };
        let of_interest = matches!(entry.kind, elf::STT_NOTYPE | elf::STT_OBJECT | elf::STT_FUNC | elf::STT_COMMON);
        let rest = self.name_onwards(bytes, &entry);
        // Local labels (.L), and the mapping symbols that tell code ($x) from data ($d).
        let of_the_assembler = [&b".L"[..], b"$x", b"$d"].iter().any(|prefix| rest.starts_with(prefix));
        if of_interest && index.0 != 0 && !of_the_assembler && !matches!(rest, [] | [0, ..]) {
            self.entries.push(entry);
        }
    }

    fn sort(&mut self, bytes: &[u8], memory: &[MemorySection]) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by_cached_key(|entry| {
            // `__bss_end` belongs to .bss and yet has the address of what follows it.
            let home = entry.section.and_then(|index| numbered(memory, index));
            let at_home = home.is_some_and(|section| section.range.contains(&entry.address));
            let typed = entry.kind != elf::STT_NOTYPE;
            // Linker scripts put `stext`, `skernel` and the like where a function begins.
            let boundary = is_boundary(self.name_bytes(bytes, entry));
            let strength =
                [elf::STB_LOCAL, elf::STB_WEAK, elf::STB_GLOBAL].iter().position(|binding| *binding == entry.binding);
            (entry.address, at_home, typed, !boundary, strength, entry.size)
        });
        self.entries = entries;
    }

    /// All of them, by address.
    pub fn iter<'a>(&'a self, bytes: &'a [u8]) -> impl DoubleEndedIterator<Item = Symbol> + 'a {
        self.entries.iter().map(|entry| self.symbol(bytes, entry))
    }

    pub fn find(&self, bytes: &[u8], name: &str) -> Option<Symbol> {
        let named = |entry: &&Entry| {
            let rest = self.name_onwards(bytes, entry).strip_prefix(name.as_bytes());
            matches!(rest, Some([] | [0, ..]))
        };
        // Several files may have a local symbol of that name; the global one is meant.
        let is_local = |entry: &&Entry| entry.binding == elf::STB_LOCAL;
        let entry = self.entries.iter().filter(named).min_by_key(is_local)?;
        Some(self.symbol(bytes, entry))
    }

    pub fn below(&self, bytes: &[u8], address: Address) -> Option<Symbol> {
        let end = self.entries.partition_point(|entry| entry.address < address.0);
        Some(self.symbol(bytes, self.entries[..end].last()?))
    }

    /// The function or object in `section` that `address` belongs to, and the offset from its start.
    ///
    /// What has a size that covers the address comes before what merely lies below it; what has one that does not is not it.
    pub fn around(&self, bytes: &[u8], section: &MemorySection, address: Address) -> Option<(String, u64)> {
        let kinds: &[elf::SymbolType] =
            if section.code { &[elf::STT_FUNC, elf::STT_NOTYPE] } else { &[elf::STT_OBJECT, elf::STT_NOTYPE] };
        let end = self.entries.partition_point(|entry| entry.address <= address.0);
        let below = || {
            let all = self.entries[..end].iter().rev().take_while(|entry| entry.address >= section.range.start);
            all.filter(|entry| kinds.contains(&entry.kind) && entry.section.is_none_or(|index| index == section.index))
        };
        let covers = |entry: &&Entry| address.0 - entry.address < entry.size;
        let label = || below().next().filter(|entry| entry.size == 0);
        let entry = below().find(covers).or_else(label)?;
        Some((demangled(&self.name(bytes, entry)), address.0 - entry.address))
    }

    fn symbol(&self, bytes: &[u8], entry: &Entry) -> Symbol {
        Symbol { name: self.name(bytes, entry), address: Address(entry.address), size: entry.size }
    }

    fn name(&self, bytes: &[u8], entry: &Entry) -> String {
        String::from_utf8_lossy(self.name_bytes(bytes, entry)).into_owned()
    }

    /// Cut where it is longer than any name that a compiler makes: a broken table must not make each name as long as the file.
    fn name_bytes<'a>(&self, bytes: &'a [u8], entry: &Entry) -> &'a [u8] {
        let rest = self.name_onwards(bytes, entry);
        let rest = &rest[..rest.len().min(16 * 1024)];
        &rest[..rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len())]
    }

    /// The string table from the name on; empty where the name lies outside.
    fn name_onwards<'a>(&self, bytes: &'a [u8], entry: &Entry) -> &'a [u8] {
        bytes[self.strings.clone()].get(entry.name..).unwrap_or_default()
    }
}

/// Whether a name is one that linker scripts give to the begin of a part of the image.
fn is_boundary(name: &[u8]) -> bool {
    let plain = name.iter().position(|byte| *byte != b'_').map_or(name, |first| &name[first..]);
    let ends = [&b"_start"[..], b"_begin", b"_base", b"_start__", b"_begin__"];
    name.windows(4).any(|part| part == b"text")
        || matches!(plain, b"skernel" | b"ekernel" | b"s_kernel" | b"BASE_ADDRESS")
        || ends.iter().any(|end| plain.ends_with(end))
}

fn has_address<H: Class>(sections: &Sections<'_, H>, index: object::SectionIndex) -> bool {
    sections.section(index).is_ok_and(|section| section.sh_addr(LITTLE).into() != 0)
}

/// Sections stand in the order of their numbers.
fn numbered(memory: &[MemorySection], index: usize) -> Option<&MemorySection> {
    memory.binary_search_by_key(&index, |section| section.index).ok().map(|position| &memory[position])
}

/// A Rust name without its hash; any other name as it is.
pub fn demangled(name: &str) -> String {
    match rustc_demangle::try_demangle(name) {
        Ok(path) => format!("{path:#}"),
        Err(_) => name.to_owned(),
    }
}
