//! Wild ELFs and wild code: an error or a trap, never a panic, a hang or memory without bound.

use std::path::Path;
use std::time::Duration;

use debug::embedded::{Error, Options};
use debug::image::Error as ImageError;
use debug::machine::Stop;
use debug::{Embedded, Image, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

fn load(elf: &[u8]) -> Result<Embedded, Error> {
    let image = Image::parse(Path::new("wild"), elf.to_vec())?;
    Embedded::load(&image, &Options { memory_mib: 16, history_mib: 4, ..Options::default() })
}

#[test]
fn what_is_no_kernel_is_refused_with_its_reason() {
    let kernel = elf::build(&[(ENTRY, vec![0; 64])]);
    let mut other = kernel.clone();
    other[18] = 62;
    assert!(matches!(load(&other), Err(Error::Image(ImageError::OtherArchitecture { .. }))));
    assert!(matches!(load(b"#!/bin/sh"), Err(Error::Image(ImageError::NotElf { .. }))));
    assert!(matches!(load(&kernel[..150]), Err(Error::Image(ImageError::Truncated { .. }))));
    assert!(matches!(load(&elf::build(&[(ENTRY, vec![])])), Err(Error::Image(ImageError::NotExecutable { .. }))));
    assert!(matches!(load(&elf::build(&[(ENTRY + 1, vec![0; 8])])), Err(Error::Image(ImageError::OddEntry { .. }))));
    let overlapping = elf::build(&[(ENTRY, vec![0; 64]), (ENTRY + 63, vec![0; 1])]);
    assert!(matches!(load(&overlapping), Err(Error::Image(ImageError::Overlapping { .. }))));
    for address in [0, 0x1_0000, 0x8000_0000, 0x80ff_fff0] {
        let loaded = load(&elf::build(&[(address, vec![0; 32])]));
        assert!(matches!(loaded, Err(Error::Image(ImageError::OutsideMemory { .. }))), "{address:#x}");
    }
    let beyond = load(&elf::build(&[(u64::MAX - 3, vec![0; 32])]));
    assert!(matches!(beyond, Err(Error::Image(ImageError::Malformed { .. }))));
    let mut huge = kernel.clone();
    huge[64 + 40..64 + 48].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(load(&huge), Err(Error::Image(ImageError::Malformed { .. }))));
    let no_memory = Options { memory_mib: 0, ..Options::default() };
    assert!(matches!(Embedded::load(&elf::image(kernel), &no_memory), Err(Error::MemorySize { .. })));
}

#[test]
fn the_lowest_segment_is_the_entry() {
    let kernel = elf::build(&[(ENTRY + 0x1000, vec![0; 8]), (ENTRY, vec![0; 8])]);
    let mut machine = load(&kernel).unwrap();
    assert_eq!(pc(&mut machine).0, ENTRY);
}

#[test]
fn a_handler_that_traps_itself_is_only_a_loop() {
    let mut machine = boot(&[li(5, 0x40), vec![csrw(0x105, 5), EBREAK]].concat());
    assert_eq!(machine.resume(Duration::from_millis(20)).unwrap(), Stop::Interrupted);
    assert_eq!(pc(&mut machine).0, 0x40);
}

#[test]
fn a_page_table_that_contains_itself_is_a_page_fault() {
    let root = DATA;
    let code = [li(5, 8 << 60 | root >> 12), vec![csrw(0x180, 5), STAY]].concat();
    let mut machine = boot(&code);
    let itself = (root >> 12 << 10 | 1).to_le_bytes().repeat(512);
    machine.write_memory(debug::Address(root), &itself).unwrap();
    assert_eq!(signal(resume(&mut machine)), Some(11));
    assert_eq!(csr(&mut machine, 0x142), 12);
}
