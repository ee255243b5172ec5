//! What QEMU's hart has and ours has not: our machine stops there, and says what is missing; it stops for nothing else.

use std::time::Duration;

use debug::embedded::Options;
use debug::machine::{Fault, Register};
use debug::{Embedded, Machine};

use super::cpu;
use super::generate;
use super::program::*;
use super::run;
use crate::assembler::*;
use crate::elf;
use crate::random::Random;

const LIMIT: Duration = Duration::from_secs(10);
const ILLEGAL: u64 = 2;

#[test]
fn what_only_qemu_has_is_missing_and_nothing_else_is() {
    let mut random = Random::new(5);
    let mut program = generate::with_addresses("what is missing", &mut random, 0, |_| slot(&[]));
    let instructions = encodings(&mut random).into_iter().chain(csrs());
    program.slots = instructions.map(|instruction| slot(&[instruction])).collect();
    let outcome = run::on_qemu(&program, cpu::with_what_ours_names()).unwrap();
    let records = outcome[0].1.chunks_exact(RECORD_SIZE).skip(1);
    let options = Options { memory_mib: 16, history_mib: 0, ..Options::default() };
    let kernel = elf::image(elf::build(&[(TEXT, program.slots.concat())]));
    let mut machine = Embedded::load(&kernel, &options).expect("it is a kernel");
    let mut wrong = Vec::new();
    let mut missing = 0;
    for ((slot, record), pc) in program.slots.iter().zip(records).zip((TEXT..).step_by(SLOT_SIZE)) {
        let scause = u64::from_le_bytes(record[8..16].try_into().expect("eight bytes"));
        let told = fault(&mut machine, pc);
        let is_missing = matches!(told, Some(Fault::MissingExtension { .. }));
        missing += usize::from(is_missing);
        if is_missing != (scause != ILLEGAL) {
            wrong.push(format!("{:02x?}: {told:x?}, on QEMU {scause:#x}", &slot[..4]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), program.slots.len(), wrong.join("\n"));
    assert!(missing > 200, "only {missing} were missing");
}

/// Why our machine stops at the instruction there.
fn fault(machine: &mut Embedded, pc: u64) -> Option<Fault> {
    machine.write_register(Register::Pc, pc).expect("it is even");
    machine.step(1, LIMIT).expect("it steps");
    machine.fault()
}

fn encodings(random: &mut Random) -> Vec<u32> {
    const OPCODES: [u32; 5] = [OP, OP_WORD, OP_IMMEDIATE, OP_IMMEDIATE_WORD, SYSTEM];
    /// ecall, ebreak, sret and wfi.
    const OURS: [u32; 4] = [0x73, 0x0010_0073, SRET, 0x1050_0073];
    let mut found = Vec::new();
    for opcode in OPCODES {
        for upper in 0..1 << 12 {
            // All that decides, and any registers.
            let (funct7, rs2) = (upper >> 5, upper & 31);
            let known_by_rs2 = matches!(opcode, OP_IMMEDIATE | OP_IMMEDIATE_WORD | SYSTEM) || rs2 < 2;
            for funct3 in 0..8 {
                let mut form = |rd, rs1| {
                    let instruction = register_form(opcode, funct7, funct3, rd, rs1, rs2);
                    if known_by_rs2 && generate::may_be_qemus_alone(instruction) && !OURS.contains(&instruction) {
                        found.push(instruction);
                    }
                };
                form(random.register(), random.register());
                if opcode == SYSTEM {
                    form(0, random.register());
                    form(0, 0);
                }
            }
        }
    }
    found
}

/// Reading each of those that the comparison of CSRs leaves out: the hypervisor's, and counters.
fn csrs() -> impl Iterator<Item = u32> {
    (0..1 << 12).filter(|csr| csr >> 8 & 3 == 2 || (0xc03..0xc20).contains(csr)).map(|csr| csrr(5, csr))
}
