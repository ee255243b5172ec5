//! What an image says about files made for the purpose. The real kernel is asked in tests/image.rs.

mod backtraces;
mod flat;
mod symbols;

use std::path::Path;

use proptest::prelude::*;

use super::fixture::{BASE, Elf, NOTYPE, SYMTAB, debug_section};
use super::*;
use crate::riscv::Registers;

fn parse(bytes: Vec<u8>) -> Result<Image, Error> {
    Image::parse(Path::new("kernel.elf"), bytes)
}

fn image(elf: Elf) -> Image {
    parse(elf.bytes()).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes.to_vec()).unwrap_err().to_string()
}

#[test]
fn parses_what_the_linker_wrote() {
    let image = image(Elf::default());
    assert_eq!(image.entry(), Address(BASE));
    let [text, bss] = image.segments() else { panic!("{:?}", image.segments()) };
    assert_eq!((text.address, text.memory_size, text.executable, text.writable), (Address(BASE), 0x100, true, false));
    assert_eq!(
        (bss.address, bss.memory_size, bss.executable, bss.writable),
        (Address(BASE + 0x1000), 0x1000, false, true)
    );
    assert_eq!(image.file_bytes(text), [0x13; 0x100]);
    assert!(image.file_bytes(bss).is_empty());
    assert_eq!(image.code().collect::<Vec<_>>(), [(Address(BASE), &[0x13; 0x100][..])]);
}

#[test]
fn without_debug_information_there_are_no_lines() {
    assert_eq!(image(Elf::default()).line(Address(BASE)), None);
}

/// SHF_COMPRESSED, with the header that says how, and how large it is unpacked.
fn compressed(kind: u32, size: u64, data: &[u8]) -> fixture::Section {
    let header = [&kind.to_le_bytes()[..], &[0; 4], &size.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    fixture::Section { flags: 0x800, ..debug_section(".debug_line", [&header, data].concat()) }
}

/// "line" in a block of zlib that is not compressed (RFC 1950, RFC 1951).
const ZLIB: &[u8] = b"\x78\x01\x01\x04\x00\xfb\xffline\x04\x30\x01\xa9";
/// The same in zstd (RFC 8878): magic, one segment of 4 bytes, a last block of raw bytes.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x20\x04\x21\x00\x00line";

#[test]
fn compressed_debug_sections_are_unpacked() {
    for (kind, data) in [(1, ZLIB), (2, ZSTD)] {
        let mut elf = Elf::default();
        elf.sections.push(compressed(kind, 4, data));
        assert_eq!(image(elf).section(".debug_line").as_deref(), Some(&b"line"[..]), "{kind}");
    }
    let mut elf = Elf::default();
    elf.sections.push(debug_section(".zdebug_line", [b"ZLIB\0\0\0\0\0\0\0\x04", ZLIB].concat()));
    assert_eq!(image(elf).section(".debug_line").as_deref(), Some(&b"line"[..]));
}

#[test]
fn a_section_that_cannot_be_unpacked_is_none() {
    for (kind, size, data) in
        [(1, 5, ZLIB), (2, 5, ZSTD), (1, u64::MAX, ZLIB), (3, 4, ZLIB), (2, 4, &ZSTD[..8]), (1, 4, &[])]
    {
        let mut elf = Elf::default();
        elf.sections.push(compressed(kind, size, data));
        let image = image(elf);
        assert_eq!(image.section(".debug_line"), None, "{kind} {size}");
        assert_eq!(image.line(Address(BASE)), None);
    }
}

#[test]
fn what_is_not_elf_is_named() {
    let start = "kernel.elf is not an ELF file: it ";
    for (bytes, rest) in [
        (&b""[..], "is empty; try: build the kernel again"),
        (b"\x7fE", "ends within the first four bytes; try: copy or build it again"),
        (b"fn main() {}\n", "is text; try: give the kernel's ELF file, as the linker wrote it"),
        (b"#!/bin/sh\n", "is a script; try: give the kernel's ELF file, as the linker wrote it"),
        (b"!<arch>\n", "is a library archive; try: link it, and give the linked ELF file"),
        (b"\x1f\x8b\x08\x00", "is compressed; try: unpack it first"),
        (
            b"\x17\x41\x00\x00",
            "has no known format; a raw binary, perhaps; try: give the ELF file that it was made from, or say where it goes with the load address",
        ),
    ] {
        assert_eq!(refusal(bytes), format!("{start}{rest}"));
    }
    for (bytes, name) in [(&b"MZ\x90\0"[..], "(PE)"), (b"\xcf\xfa\xed\xfe", "(Mach-O)"), (b"\x0b\x01\x64\x00", "a.out")]
    {
        assert!(refusal(bytes).contains(name), "{}", refusal(bytes));
    }
}

#[test]
fn another_architecture_is_named() {
    let machine = |machine| refusal(&Elf { machine, ..Elf::default() }.bytes());
    assert!(machine(62).starts_with("kernel.elf is for x86-64, not for RISC-V; try: build "), "{}", machine(62));
    assert!(machine(183).contains("AArch64"));
    assert!(machine(9999).contains("ELF machine 9999"));
    let big_endian = Elf { machine: 21, byte_order: 2, ..Elf::default() };
    assert!(refusal(&big_endian.bytes()).contains("PowerPC 64"));
}

#[test]
fn other_riscvs_are_refused_for_what_they_are() {
    let of = |elf: Elf| parse(elf.bytes()).unwrap_err();
    assert!(matches!(of(Elf { byte_order: 2, ..Elf::default() }), Error::BigEndian { .. }));
}

#[test]
fn what_cannot_be_started_is_refused() {
    let of = |elf: Elf| refusal(&elf.bytes());
    assert_eq!(
        of(Elf { kind: 1, ..Elf::default() }),
        "kernel.elf cannot be started: it is an object file, not linked yet; try: link it, and give the linked ELF file"
    );
    assert!(of(Elf { kind: 4, ..Elf::default() }).contains("core dump"));
    assert!(of(Elf { segments: false, ..Elf::default() }).contains("no PT_LOAD segment"));
    assert!(of(Elf { kind: 77, ..Elf::default() }).contains("damaged"));
}

#[test]
fn a_segment_that_cannot_be_loaded_is_refused() {
    let with = |offset: usize, value: u64| {
        let mut bytes = Elf::default().bytes();
        bytes[64 + offset..][..8].copy_from_slice(&value.to_le_bytes());
        refusal(&bytes)
    };
    let (p_vaddr, p_paddr, p_memsz) = (16, 24, 40);
    assert_eq!(
        with(p_memsz, 0xff),
        "kernel.elf is a damaged ELF file: the segment at 0x80200000 has more bytes in the file than in memory; \
         try: copy or build it again"
    );
    assert!(with(p_vaddr, u64::MAX).contains("beyond the end of memory"));
    assert!(with(p_paddr, u64::MAX).contains("beyond the end of memory"));
}

#[test]
fn a_stripped_kernel_has_no_symbols_and_says_so() {
    let stripped = || parse(Elf { symbols: vec![], ..Elf::default() }.bytes()).unwrap();
    let error = stripped().stripped().unwrap();
    assert!(error.to_string().starts_with("kernel.elf has no symbol table: it is stripped; try: give "), "{error}");
    assert!(matches!(stripped().require("boot"), Err(Error::NoSymbols { .. })));
    assert!(image(Elf::default()).stripped().is_none());
}

/// A folder with a stripped kernel that names `kernel.debug`, and that file, which has the symbols.
fn with_debug_file(sum: impl FnOnce(&[u8]) -> u32) -> (tempfile::TempDir, Result<Image, Error>) {
    let folder = tempfile::tempdir().unwrap();
    let whole = Elf::default().bytes();
    let link = [b"kernel.debug\0\0\0\0", &sum(&whole).to_le_bytes()[..]].concat();
    let mut stripped = Elf { symbols: vec![], ..Elf::default() };
    stripped.sections.push(debug_section(".gnu_debuglink", link));
    std::fs::write(folder.path().join("kernel.elf"), stripped.bytes()).unwrap();
    std::fs::write(folder.path().join("kernel.debug"), whole).unwrap();
    let image = Image::open(&folder.path().join("kernel.elf"));
    (folder, image)
}

#[test]
fn the_symbols_are_taken_from_the_file_that_the_kernel_names() {
    let (folder, image) = with_debug_file(crc32fast::hash);
    let image = image.unwrap();
    assert_eq!(image.debug_file(), Some(&*folder.path().join("kernel.debug")));
    assert_eq!(image.symbol("__bss").unwrap().address, Address(BASE + 0x1000));
    assert_eq!(image.function(Address(BASE + 8)), Some(("boot".into(), 8)));
    assert!(image.stripped().is_none());
}

#[test]
fn a_debug_file_of_another_build_or_none_is_told() {
    let (folder, other) = with_debug_file(|_| 1);
    let said = other.unwrap().stripped().unwrap().to_string();
    assert!(said.contains("kernel.debug (.gnu_debuglink) is of another build"), "{said}");
    std::fs::remove_file(folder.path().join("kernel.debug")).unwrap();
    let said = Image::open(&folder.path().join("kernel.elf")).unwrap().stripped().unwrap().to_string();
    assert!(said.contains("kernel.debug (.gnu_debuglink) is not at "), "{said}");
}

/// `strip` leaves the symbols that the kernel needs to relocate itself.
#[test]
fn a_stripped_kernel_that_relocates_itself_still_has_symbols() {
    let mut bytes = Elf::default().bytes();
    let [e_shoff, sh_type, size] = [40, 4, 64];
    let table = u64::from_le_bytes(bytes[e_shoff..][..8].try_into().unwrap()) as usize;
    let symbols = (table + sh_type..bytes.len()).step_by(size).find(|kind| bytes[*kind] == SYMTAB as u8).unwrap();
    bytes[symbols] = 11; // SHT_DYNSYM
    let image = parse(bytes).unwrap();
    assert_eq!(
        image.symbols().collect::<Vec<_>>(),
        parse(Elf::default().bytes()).unwrap().symbols().collect::<Vec<_>>()
    );
}

#[test]
fn every_truncation_is_refused_as_one() {
    let whole = Elf::default().bytes();
    for length in 4..whole.len() {
        let error = parse(whole[..length].to_vec()).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
    assert_eq!(
        refusal(&whole[..whole.len() - 1]),
        format!(
            "kernel.elf is truncated: its section header table ends at byte {}, the file at byte {}; try: copy or build it again",
            whole.len(),
            whole.len() - 1
        )
    );
}

/// An empty section may lie anywhere, and so may its names.
#[test]
fn an_empty_table_of_names_outside_of_the_file_is_refused() {
    const SECTION_HEADER: usize = 64;
    let mut bytes = Elf::default().bytes();
    // Offset and size of .strtab, the last section but one.
    let at = bytes.len() - 2 * SECTION_HEADER + 24;
    bytes[at..at + 16].copy_from_slice([1_u64 << 20, 0].map(u64::to_le_bytes).as_flattened());
    assert!(refusal(&bytes).contains("the names of its symbols are not in the file"), "{}", refusal(&bytes));
}

#[test]
fn files_that_cannot_be_kernels_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel.elf");
    let error = Image::open(&path).unwrap_err();
    assert!(
        matches!(error, Error::Unreadable { .. }) && error.to_string().contains("build the kernel first"),
        "{error}"
    );
    assert!(matches!(Image::open(folder.path()), Err(Error::NotAFile { what: "a folder", .. })));
    assert!(matches!(Image::open(Path::new("/dev/zero")), Err(Error::NotAFile { .. })));
    std::fs::File::create(&path).unwrap().set_len(files::LARGEST + 1).unwrap(); // sparse: takes no room
    assert!(matches!(Image::open(&path), Err(Error::TooLarge { .. })));
}

/// Asks everything that can be asked.
fn ask_everything(image: &Image) {
    let first = image.code().next().map_or(Address(0), |(address, _)| address);
    let addresses = [Address(0), image.entry(), first, first + 0x14, Address(BASE + 0x1008), Address(u64::MAX)];
    for address in addresses {
        image.place(address);
        image.function(address);
        image.symbol_below(address);
        let registers = Registers { x: [address.0; 32], pc: first.0 + 0x14 };
        image.backtrace(&registers, &mut |address, bytes| {
            bytes.fill(address.0 as u8);
            true
        });
    }
    for segment in image.segments() {
        assert!(image.file_bytes(segment).len() as u64 <= segment.memory_size);
    }
    image.symbols().for_each(drop);
    let _ = image.require("__bss");
}

proptest! {
    #[test]
    fn any_bytes_are_an_image_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(bytes.clone()).map(|image| ask_everything(&image));
        let header = Elf::default().bytes()[..64].to_vec();
        let _ = parse([header, bytes].concat()).map(|image| ask_everything(&image));
    }

    #[test]
    fn any_bytes_behind_a_header_of_32_bits_are_an_image_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let header = neutral(Xlen::Rv32)[..52].to_vec();
        let _ = parse([header, bytes].concat()).map(|image| ask_everything(&image));
    }

    #[test]
    fn any_damage_makes_an_image_or_an_error(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut elf = Elf::default();
        elf.sections.push(debug_section(".debug_frame", vec![0; 64]));
        let mut bytes = elf.bytes();
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        let _ = parse(bytes).map(|image| ask_everything(&image));
    }
}
