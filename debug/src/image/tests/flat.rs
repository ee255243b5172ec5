//! Kernels that are no ELF: where they go, and the names that another file has for them.

use super::*;
use crate::image::files::KernelFiles;

/// Linux's boot image, with these fields, of 0x80 bytes.
fn boot_image(text_offset: u64, image_size: u64, flags: u64) -> Vec<u8> {
    let mut bytes = b"MZ\x13\x00\x13\x00\x00\x00".to_vec();
    bytes.extend([text_offset, image_size, flags, 2, 0].map(u64::to_le_bytes).as_flattened());
    bytes.extend(b"RISCV\0\0\0RSC\x05\0\0\0\0");
    assert_eq!(bytes.len(), 64);
    bytes.resize(0x80, 0x13);
    bytes
}

/// The bytes of the fixture's ELF as objcopy writes them, without its BSS.
fn flat() -> Vec<u8> {
    vec![0x13; 0x100]
}

fn written(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_boot_image_goes_where_its_header_says_and_takes_what_it_says() {
    let image = parse(boot_image(0x20_0000, 0x10_0000, 0)).unwrap();
    let [segment] = image.segments() else { panic!("{:?}", image.segments()) };
    assert_eq!((segment.physical, segment.memory_size, segment.file.len()), (Address(0x8020_0000), 0x10_0000, 0x80));
    assert_eq!(image.entry(), Address(0x8020_0000));
    assert!(image.is_flat() && image.stripped().is_some());
    let old = parse(boot_image(0x20_0000, 0, 0)).unwrap();
    assert_eq!(old.segments()[0].memory_size, 0x80, "a header that does not tell the size");
}

#[test]
fn a_boot_image_that_cannot_be_is_refused() {
    let refusal = |bytes: &[u8]| super::refusal(bytes);
    assert!(refusal(&boot_image(u64::MAX, 0, 0)).contains("is beyond the end of memory"));
    assert!(refusal(&boot_image(0, u64::MAX, 0)).contains("end beyond the end of memory"));
    assert!(refusal(&boot_image(0, 0, 1)).contains("big-endian"));
    // What ends within the header is a program for EFI, and no boot image.
    assert!(refusal(&boot_image(0, 0, 0)[..0x38]).contains("EFI program"));
}

#[test]
fn raw_bytes_go_where_somebody_says() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = written(&folder, "os.bin", &flat());
    let place = |load_address| KernelFiles { kernel: kernel.clone(), load_address, symbols: None, guest: None };
    let image = Image::open_files(&place(Some(Address(0x8040_0000)))).unwrap();
    assert_eq!(image.segments()[0].physical, Address(0x8040_0000));
    let error = Image::open_files(&place(None)).unwrap_err().to_string();
    assert!(error.contains("the load address"), "{error}");
    let error = Image::open_files(&place(Some(Address(u64::MAX)))).unwrap_err().to_string();
    assert!(error.contains("beyond the end of memory"), "{error}");
    let elf = written(&folder, "os.elf", &Elf::default().bytes());
    let placed = KernelFiles { kernel: elf, load_address: Some(Address(0)), symbols: None, guest: None };
    assert!(matches!(Image::open_files(&placed), Err(Error::PlacedElf { .. })));
    let empty = written(&folder, "empty", b"");
    let empty = KernelFiles { kernel: empty, load_address: Some(Address(0x8020_0000)), symbols: None, guest: None };
    assert!(Image::open_files(&empty).unwrap_err().to_string().contains("it is empty"));
}

#[test]
fn a_flat_image_has_the_names_of_the_elf_that_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = written(&folder, "os.bin", &flat());
    let symbols = written(&folder, "os.elf", &Elf::default().bytes());
    let start = Address(0x8040_0000);
    let files = KernelFiles { kernel, load_address: Some(start), symbols: Some(symbols.clone()), guest: None };
    let image = Image::open_files(&files).unwrap();
    assert_eq!(image.debug_file(), Some(&*symbols));
    assert_eq!(image.entry(), Address(BASE), "where it is linked");
    assert_eq!(image.physical(Address(BASE + 8)), start + 8);
    assert_eq!(image.function(start + 8), Some(("boot".into(), 8)), "where it is loaded");
    assert_eq!(image.symbol("__bss").unwrap().address, Address(BASE + 0x1000));
    assert_eq!(image.code().collect::<Vec<_>>(), [(Address(BASE), &flat()[..])]);
    let loaded: Vec<_> = image.segments().iter().map(Segment::loaded).collect();
    assert_eq!(loaded, [start..start + 0x100, start + 0x1000..start + 0x2000], "with its BSS");
}

#[test]
fn an_elf_that_was_stripped_takes_names_too() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = written(&folder, "stripped", &Elf { symbols: vec![], ..Elf::default() }.bytes());
    let symbols = written(&folder, "whole", &Elf::default().bytes());
    let files = KernelFiles { kernel: kernel.clone(), load_address: None, symbols: Some(symbols), guest: None };
    assert_eq!(Image::open_files(&files).unwrap().function(Address(BASE + 8)), Some(("boot".into(), 8)));
    let files = KernelFiles { symbols: Some(kernel), ..files };
    assert!(matches!(Image::open_files(&files), Err(Error::NoSymbols { .. })));
}

/// lld and GNU ld leave the flags of a section out that has no bytes.
#[test]
fn symbols_of_an_empty_section_without_flags_are_symbols() {
    let mut elf = Elf::default();
    (elf.sections[1].size, elf.sections[1].flags) = (0, 0);
    let image = image(elf);
    assert_eq!(image.symbol("__bss").map(|symbol| symbol.address), Some(Address(BASE + 0x1000)));
    assert_eq!(image.symbol("__bss_end").map(|symbol| symbol.address), Some(Address(BASE + 0x2000)));
}

#[test]
fn symbols_of_debug_sections_are_none() {
    let mut elf = Elf::default();
    elf.sections.push(debug_section(".debug_str", vec![0; 8]));
    elf.symbols.push(("a_line", 4, 0, NOTYPE, Some(".debug_str")));
    assert_eq!(image(elf).symbol("a_line"), None);
}

/// Any, or one that memory has.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0_u64..1 << 33]
}

proptest! {
    #[test]
    fn any_header_is_an_image_or_an_error(fields in proptest::array::uniform4(number()), length in 0_usize..0x100) {
        let mut bytes = boot_image(fields[0], fields[1], fields[2]);
        bytes.truncate(length);
        for image in [parse(bytes.clone()), Image::flat(Path::new("os"), bytes.clone(), Address(fields[3]), fields[1])] {
            let Ok(mut image) = image else { continue };
            let whole = image.segments()[0].clone();
            prop_assert!(whole.physical.0.checked_add(whole.memory_size).is_some());
            image.take_symbols(Path::new("elf"), Elf::default().bytes()).unwrap();
            let _ = image.place(whole.physical).to_string();
            let held: usize = image.segments().iter().map(|segment| image.file_bytes(segment).len()).sum();
            prop_assert_eq!(held, bytes.len(), "all of the file is loaded");
        }
    }
}
