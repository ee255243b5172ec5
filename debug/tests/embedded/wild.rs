//! Wild ELFs and wild code: an error or a trap, never a panic, a hang or memory without bound.

use std::time::Duration;

use debug::embedded::{Error, Options};
use debug::machine::Stop;
use debug::{Embedded, Machine};
use proptest::prelude::*;

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

/// Runs for a while forward, goes back to the first instruction, and finds everything as it was.
fn survive(elf: &[u8]) {
    let Ok(mut machine) = load(elf) else { return };
    let first = machine.registers().unwrap();
    for _ in 0..4 {
        machine.resume(Duration::from_millis(5)).unwrap();
        machine.step(1, Duration::from_millis(5)).unwrap();
    }
    assert!(machine.history_bytes() < 40 << 20);
    machine.goto(0, LIMIT);
    assert_eq!(machine.registers().unwrap(), first);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_bytes_may_be_given(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        survive(&bytes);
    }

    #[test]
    fn any_bytes_of_a_kernel_may_be_wrong(
        changes in proptest::collection::vec((0..300_usize, any::<u8>()), 0..6),
        length in 0..400_usize,
    ) {
        let mut kernel = elf::build(&[(ENTRY, vec![0x13; 64]), (ENTRY + 0x1000, vec![1; 64])]);
        for (offset, byte) in changes {
            let index = offset % kernel.len();
            kernel[index] = byte;
        }
        kernel.truncate(length);
        survive(&kernel);
    }

    /// Traps lead into the middle of the same bytes.
    #[test]
    fn any_code_may_run(words in proptest::collection::vec(any::<u32>(), 64..512), handler in 0..64_i32) {
        let start = [AUIPC | 5 << 7, addi(5, 5, 4 * (handler + 4)), csrw(0x105, 5), addi(5, 0, 0)];
        let code: Vec<u8> = start.iter().chain(&words).flat_map(|word| word.to_le_bytes()).collect();
        survive(&elf::build(&[(ENTRY, code)]));
    }

    /// Instructions that exist, with registers that point to memory.
    #[test]
    fn any_code_of_known_opcodes_may_run(
        words in proptest::collection::vec((any::<u32>(), 0..14_usize), 64..512),
        handler in 0..64_i32,
    ) {
        const OPCODES: [u32; 14] =
            [OP, OP_WORD, OP_IMMEDIATE, OP_IMMEDIATE_WORD, LOAD, STORE, LOAD_FLOAT, STORE_FLOAT, BRANCH, JAL, SYSTEM, AMO,
             OP_FLOAT, 0x43];
        let words = words.into_iter().map(|(word, opcode)| word & !0x7f | OPCODES[opcode]);
        let mut code: Vec<u32> = vec![AUIPC | 5 << 7, addi(5, 5, 4 * (handler + 4)), csrw(0x105, 5)];
        code.extend((8..16).flat_map(|register| li(register, DATA + 64 * u64::from(register))));
        code.extend(words);
        survive(&elf::build(&[(ENTRY, code.iter().flat_map(|word| word.to_le_bytes()).collect())]));
    }
}
