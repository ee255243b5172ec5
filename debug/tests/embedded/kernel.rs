//! Small kernels in machine code, on an embedded machine. It does not know what they are to show.

use std::time::Duration;

use debug::embedded::Options;
use debug::machine::{Register, Stop};
use debug::{Address, Embedded, Machine};

use crate::assembler::*;
use crate::elf;

pub const ENTRY: u64 = 0x8020_0000;
pub const DATA: u64 = 0x8030_0000;
/// Long enough for anything that ends.
pub const LIMIT: Duration = Duration::from_secs(120);

pub const ECALL: u32 = 0x73;
pub const EBREAK: u32 = 0x0010_0073;
pub const WFI: u32 = 0x1050_0073;
/// Jumps to itself.
pub const STAY: u32 = 0x6f;

/// A machine that stands at the first of these instructions.
pub fn boot(code: &[u32]) -> Embedded {
    boot_with(code, &Options::default())
}

pub fn boot_with(code: &[u32], options: &Options) -> Embedded {
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    Embedded::load(&elf::image(elf::build(&[(ENTRY, bytes)])), options).expect("it is a kernel")
}

/// A kernel that never ends: stores numbers that depend on all before them all over `pages` pages from DATA on.
pub fn scribbler(pages: u64) -> Vec<u32> {
    let mut code = [li(8, DATA), li(9, pages * 4096 - 8), li(10, 0x9e37_79b9_7f4a_7c15)].concat();
    code.extend([
        addi(11, 11, 1),
        register_form(OP, 1, 0, 12, 11, 10),
        immediate_form(OP_IMMEDIATE, 5, 13, 12, 20),
        register_form(OP, 0, 7, 13, 13, 9),
        immediate_form(OP_IMMEDIATE, 7, 13, 13, -8),
        register_form(OP, 0, 0, 13, 13, 8),
        ld(14, 13, 0),
        register_form(OP, 0, 0, 14, 14, 12),
        sd(14, 13, 0),
        register_form(OP, 0, 4, 15, 15, 14),
        jump_form(0, -40),
    ]);
    code
}

/// The address of instruction `index`.
pub fn at(index: usize) -> Address {
    Address(ENTRY + 4 * index as u64)
}

pub fn pc(machine: &mut Embedded) -> Address {
    Address(machine.registers().expect("it has registers").pc)
}

pub fn x(machine: &mut Embedded, register: usize) -> u64 {
    machine.registers().expect("it has registers").x[register]
}

pub fn csr(machine: &mut Embedded, number: u16) -> u64 {
    machine.read_register(Register::Csr(number)).expect("the machine has it")
}

pub fn resume(machine: &mut Embedded) -> Stop {
    machine.resume(LIMIT).expect("it runs")
}

/// GDB's number of the signal that a fault is; `None` for another stop.
pub fn signal(stop: Stop) -> Option<u8> {
    if let Stop::Fault(fault) = stop { Some(fault.signal()) } else { None }
}

pub fn word(machine: &mut Embedded, address: u64) -> u64 {
    let mut bytes = [0; 8];
    machine.read_memory(Address(address), &mut bytes).expect("it is RAM");
    u64::from_le_bytes(bytes)
}

/// Registers, and a hash of the memory that the scribbler writes.
pub fn digest(machine: &mut Embedded, pages: usize) -> (String, u64) {
    let mut bytes = vec![0; pages * 4096];
    machine.read_memory(Address(DATA), &mut bytes).expect("it is RAM");
    let hash = bytes.iter().fold(0_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    (format!("{:x?}", machine.registers().expect("it has registers")), hash)
}
