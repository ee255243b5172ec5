//! Small ELF files for tests, made in memory: correct by default, with faults on request.

/// The contents of the file. The default is a valid kernel.
pub struct Elf {
    pub class: u8,
    pub byte_order: u8,
    pub kind: u16,
    pub machine: u16,
    pub entry: u64,
    pub sections: Vec<Section>,
    /// Name, address, size, type and binding, section (None: absolute).
    pub symbols: Vec<(&'static str, u64, u64, u8, Option<&'static str>)>,
    /// Whether to write a program header for each loaded section.
    pub segments: bool,
}

pub struct Section {
    pub name: &'static str,
    pub kind: u32,
    pub flags: u64,
    pub address: u64,
    pub bytes: Vec<u8>,
    /// Of .bss and the like, which has no bytes.
    pub size: u64,
}

pub const BASE: u64 = 0x8020_0000;

pub const NOTYPE: u8 = 0x10; // the high half is the binding: global
pub const OBJECT: u8 = 0x11;
pub const FUNC: u8 = 0x12;
pub const LOCAL_NOTYPE: u8 = 0x00;
pub const LOCAL_FUNC: u8 = 0x02;

const PROGBITS: u32 = 1;
pub const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const NOBITS: u32 = 8;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;
/// The section of section names, which comes last.
const NAMES: &str = ".shstrtab";
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

impl Default for Elf {
    /// 0x100 bytes of code at 0x80200000 and 0x1000 bytes of .bss at 0x80201000, with the symbols of a small kernel.
    fn default() -> Elf {
        Elf {
            class: 2,
            byte_order: 1,
            kind: 2,
            machine: 243,
            entry: BASE,
            sections: vec![
                Section { flags: ALLOC | EXECUTE, ..section(".text", PROGBITS, BASE, vec![0x13; 0x100]) },
                Section { flags: ALLOC | WRITE, size: 0x1000, ..section(".bss", NOBITS, BASE + 0x1000, vec![]) },
            ],
            symbols: vec![
                ("boot", BASE, 0xc, FUNC, Some(".text")),
                ("$x", BASE, 0, LOCAL_NOTYPE, Some(".text")),
                (".L0 ", BASE + 0x10, 0, LOCAL_NOTYPE, Some(".text")),
                ("_ZN6kernel4main17h0123456789abcdefE", BASE + 0x10, 0x20, LOCAL_FUNC, Some(".text")),
                ("memset", BASE + 0x40, 0, NOTYPE, Some(".text")),
                ("__bss", BASE + 0x1000, 0, NOTYPE, Some(".bss")),
                ("panic_record", BASE + 0x1000, 0x800, OBJECT, Some(".bss")),
                ("__bss_end", BASE + 0x2000, 0, NOTYPE, Some(".bss")),
                ("__stack_top", BASE + 0x4000, 0, NOTYPE, None),
            ],
            segments: true,
        }
    }
}

pub fn section(name: &'static str, kind: u32, address: u64, bytes: Vec<u8>) -> Section {
    Section { name, kind, flags: 0, address, size: bytes.len() as u64, bytes }
}

/// A section that is not loaded, such as .debug_frame.
pub fn debug_section(name: &'static str, bytes: Vec<u8>) -> Section {
    section(name, PROGBITS, 0, bytes)
}

impl Elf {
    /// The headers, a segment for each section that is loaded, the sections' bytes, and last the section table.
    pub fn bytes(mut self) -> Vec<u8> {
        let sections = self.all_sections();
        let is_loaded = |section: &&Section| self.segments && section.flags & ALLOC != 0;
        let loaded = sections.iter().filter(is_loaded).count();
        let mut names = vec![0];
        let (mut program_headers, mut body, mut section_headers) = (Vec::new(), Vec::new(), Vec::new());
        for section in &sections {
            let offset = (HEADER + loaded * PROGRAM_HEADER + body.len()) as u64;
            let name = append_name(&mut names, section.name);
            let is_last = section.name == NAMES;
            body.extend(if is_last { &names } else { &section.bytes });
            let size = if is_last { names.len() as u64 } else { section.size };
            let (link, entry_size) = if section.kind == SYMTAB { (sections.len() as u32 - 2, 24) } else { (0, 0) };
            section_headers.extend(words(&[name, section.kind]));
            section_headers.extend(doublewords(&[section.flags, section.address, offset, size]));
            section_headers.extend(words(&[link, 0]));
            section_headers.extend(doublewords(&[1, entry_size]));
            if is_loaded(&section) {
                let access = if section.flags & EXECUTE != 0 { 5 } else { 6 };
                let in_file = section.bytes.len() as u64;
                program_headers.extend(words(&[1, access]));
                program_headers.extend(doublewords(&[offset, section.address, section.address, in_file, size, 1]));
            }
        }
        let section_table = HEADER + program_headers.len() + body.len();
        let header =
            self.header(section_table, [HEADER, PROGRAM_HEADER, loaded, 64, sections.len(), sections.len() - 1]);
        [header, program_headers, body, section_headers].concat()
    }

    /// Those that were asked for, and those that hold symbols and names.
    fn all_sections(&mut self) -> Vec<Section> {
        let (table, strings) = self.symbol_table();
        let mut all = vec![section("", 0, 0, vec![])];
        all.append(&mut self.sections);
        if !self.symbols.is_empty() {
            all.push(section(".symtab", SYMTAB, 0, table));
        }
        all.push(section(".strtab", STRTAB, 0, strings));
        all.push(section(NAMES, STRTAB, 0, vec![]));
        all
    }

    fn symbol_table(&self) -> (Vec<u8>, Vec<u8>) {
        let number = |name: Option<&str>| match name {
            Some(name) => 1 + self.sections.iter().position(|section| section.name == name).unwrap() as u16,
            None => 0xfff1, // SHN_ABS
        };
        let (mut table, mut strings) = (vec![0; 24], vec![0]);
        for (name, address, size, kind, home) in &self.symbols {
            table.extend(append_name(&mut strings, name).to_le_bytes());
            table.extend([*kind, 0]);
            table.extend(number(*home).to_le_bytes());
            table.extend(doublewords(&[*address, *size]));
        }
        (table, strings)
    }

    fn header(&self, section_table: usize, counts: [usize; 6]) -> Vec<u8> {
        let mut header = b"\x7fELF".to_vec();
        header.extend([self.class, self.byte_order, 1]);
        header.resize(16, 0);
        for half in [self.kind, self.machine] {
            header.extend(if self.byte_order == 2 { half.to_be_bytes() } else { half.to_le_bytes() });
        }
        header.extend(words(&[1]));
        header.extend(doublewords(&[self.entry, HEADER as u64, section_table as u64]));
        header.extend(words(&[0]));
        header.extend(counts.iter().flat_map(|count| (*count as u16).to_le_bytes()));
        header
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn doublewords(doublewords: &[u64]) -> Vec<u8> {
    doublewords.iter().flat_map(|doubleword| doubleword.to_le_bytes()).collect()
}

fn append_name(names: &mut Vec<u8>, name: &str) -> u32 {
    let offset = names.len() as u32;
    names.extend(name.bytes().chain([0]));
    offset
}
