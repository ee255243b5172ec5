//! Any bytes as a kernel's instructions, of one width or the other, which begin with every pointer that they could wish for; and some typed input.
//!
//! Whatever they do, the run can be taken back and repeated, in bounded memory.

use debug::embedded::Options;
use debug::machine::{Register, csr};
use debug::riscv::Xlen;
use debug::{Address, Embedded, Machine};

use super::past;
use super::template::ENTRY;
use crate::elf as kernel;

const DATA: u64 = 0x8030_0000;
const TABLE: u64 = 0x8040_0000;
const END_OF_RAM: u64 = 0x8080_0000;
const UART: u64 = 0x1000_0000;
const FINISHER: u64 = 0x10_0000;
const DEBUG_CONSOLE: u64 = 0x4442_434e;
const SV39: u64 = 8 << 60;
const SV32: u64 = 1 << 31;
/// Some checkpoints far, for one first byte in 64; for the others as far as most code gets anywhere.
const FAR: u64 = 120_000;
const NEAR: u64 = 1_000;

/// x8 to x17, and x1 for returns: where data is, the code itself, devices, edges; arguments of a call to the firmware.
const POINTERS: [(u8, u64); 10] = [
    (1, ENTRY + 0x20),
    (8, DATA),
    (9, ENTRY),
    (10, 8),
    (11, DATA + 0xffd),
    (12, UART),
    (14, END_OF_RAM - 4),
    (15, FINISHER),
    (16, 0),
    (17, DEBUG_CONSOLE),
];

pub fn survive(bytes: &[u8]) {
    let mut machine = boot(bytes);
    machine.input(&bytes[..bytes.len().min(3)]).expect("three bytes are not much");
    let far = bytes.first().is_some_and(|byte| byte % 64 == 63);
    past::is_repeated(&mut machine, if far { FAR } else { NEAR });
}

/// With traps leading into the middle of the same bytes.
fn boot(bytes: &[u8]) -> Embedded {
    let code = if bytes.is_empty() { &[0, 0] } else { bytes };
    // One in four has 32 bits.
    let (xlen, table, translates) = match code[code.len() - 1] % 4 {
        0 => (Xlen::Rv32, table_32(), SV32),
        _ => (Xlen::Rv64, table(), SV39),
    };
    let elf = kernel::build_of(xlen, &[(ENTRY, code.to_vec()), (TABLE, table)]);
    let options = Options { memory_mib: 8, history_mib: 1, ..Options::default() };
    // The device tree takes the last 2 MiB.
    let mut machine = Embedded::load(&kernel::image(elf), &options).expect("so few bytes fit");
    let handler = ENTRY + 4 * (1 + u64::from(code[0]));
    machine.write_register(csr::STVEC, handler).expect("it can be written");
    for (register, value) in POINTERS.into_iter().chain([(13, translates | TABLE >> 12)]) {
        machine.write_register(Register::Gpr(register), value).expect("it can be written");
    }
    machine.write_memory(Address(DATA), &[0x5a; 64]).expect("it is RAM");
    machine
}

/// Sv39: 1 GiB as without translation, the same for U-mode further up, and a table that is its own next level.
fn table() -> Vec<u8> {
    const FOR_SUPERVISOR: u64 = 0xcf;
    const FOR_USER: u64 = 0xdf;
    let ram = 0x8000_0000_u64 >> 12 << 10;
    let mut entries = [0_u64; 512];
    entries[0] = FOR_SUPERVISOR;
    entries[2] = ram | FOR_SUPERVISOR;
    entries[3] = ram | FOR_USER;
    entries[4] = TABLE >> 12 << 10 | 1;
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// Sv32, likewise: 4 MiB each.
fn table_32() -> Vec<u8> {
    const FOR_SUPERVISOR: u32 = 0xcf;
    const FOR_USER: u32 = 0xdf;
    let mut entries = [0_u32; 1024];
    for page in 0..2 {
        let ram = (0x8000_0000 + (page << 22)) >> 12 << 10;
        entries[512 + page as usize] = ram | FOR_SUPERVISOR;
        entries[768 + page as usize] = ram | FOR_USER;
    }
    entries[0x1000_0000 >> 22] = 0x1000_0000 >> 12 << 10 | FOR_SUPERVISOR;
    entries[896] = (TABLE >> 12 << 10) as u32 | 1;
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}
