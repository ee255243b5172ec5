//! Wild ELFs and wild code: an error or a trap, never a panic, a hang or memory without bound.

use std::time::Duration;

use debug::embedded::{Error, Options};
use debug::machine::Stop;
use debug::{Embedded, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

fn load(elf: &[u8]) -> Result<Embedded, Error> {
    Embedded::load(elf, &Options { memory_mib: 16, history_mib: 4 })
}

#[test]
fn what_is_no_kernel_is_refused_with_its_reason() {
    let kernel = elf::build(&[(ENTRY, vec![0; 64])]);
    let mut other = kernel.clone();
    other[18] = 62;
    assert!(matches!(load(&other), Err(Error::OtherArchitecture { machine: 62 })));
    assert!(matches!(load(b"#!/bin/sh"), Err(Error::Malformed(_))));
    assert!(matches!(load(&kernel[..150]), Err(Error::Truncated { address: ENTRY })));
    assert!(matches!(load(&elf::build(&[(ENTRY, vec![])])), Err(Error::Empty)));
    assert!(matches!(load(&elf::build(&[(ENTRY + 1, vec![0; 8])])), Err(Error::OddEntry { .. })));
    let overlapping = elf::build(&[(ENTRY, vec![0; 64]), (ENTRY + 63, vec![0; 1])]);
    assert!(matches!(load(&overlapping), Err(Error::Overlapping { .. })));
    for address in [0, 0x1_0000, 0x8000_0000, 0x80ff_fff0, u64::MAX - 3] {
        assert!(matches!(load(&elf::build(&[(address, vec![0; 32])])), Err(Error::OutsideRam { .. })), "{address:#x}");
    }
    let mut huge = kernel.clone();
    huge[64 + 40..64 + 48].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(load(&huge), Err(Error::OutsideRam { .. })));
    let no_memory = Options { memory_mib: 0, ..Options::default() };
    assert!(matches!(Embedded::load(&kernel, &no_memory), Err(Error::MemorySize { .. })));
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
    assert_eq!(resume(&mut machine), Stop::Fault { signal: 11 });
    assert_eq!(csr(&mut machine, 0x142), 12);
}
