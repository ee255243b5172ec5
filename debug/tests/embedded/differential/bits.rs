//! Bit manipulation, conditional zeroing, cache blocks, waiting: each instruction of the extensions that QEMU's hart has, and every
//! encoding that may be one, so that none is found where there is none.

use debug::riscv::Xlen;

use super::cpu;
use super::generate::{self, plain};
use super::program::*;
use super::zfa;
use crate::assembler::*;
use crate::random::Random;

/// Of two registers: opcode, funct7, funct3.
const BINARY: [(u32, u32, u32); 30] = [
    (OP, 0x05, 1),
    (OP, 0x05, 2),
    (OP, 0x05, 3),
    (OP, 0x05, 4),
    (OP, 0x05, 5),
    (OP, 0x05, 6),
    (OP, 0x05, 7),
    (OP, 0x07, 5),
    (OP, 0x07, 7),
    (OP, 0x10, 2),
    (OP, 0x10, 4),
    (OP, 0x10, 6),
    (OP, 0x14, 1),
    (OP, 0x20, 4),
    (OP, 0x20, 6),
    (OP, 0x20, 7),
    (OP, 0x24, 1),
    (OP, 0x24, 5),
    (OP, 0x30, 1),
    (OP, 0x30, 5),
    (OP, 0x34, 1),
    (OP_WORD, 0x04, 0),
    (OP_WORD, 0x10, 2),
    (OP_WORD, 0x10, 4),
    (OP_WORD, 0x10, 6),
    (OP_WORD, 0x30, 1),
    (OP_WORD, 0x30, 5),
    (OP, 0, 0),
    (OP, 0, 4),
    (OP_WORD, 0, 0),
];
/// Of one, or of one and a number: opcode, the immediate's upper bits, how many bits of it are free, funct3.
const UNARY: [(u32, i32, u32, u32); 18] = [
    (OP_IMMEDIATE, 0x600, 0, 1),
    (OP_IMMEDIATE, 0x601, 0, 1),
    (OP_IMMEDIATE, 0x602, 0, 1),
    (OP_IMMEDIATE, 0x604, 0, 1),
    (OP_IMMEDIATE, 0x605, 0, 1),
    (OP_IMMEDIATE, 0x287, 0, 5),
    (OP_IMMEDIATE, 0x6b8, 0, 5),
    (OP_IMMEDIATE, 0x280, 6, 1),
    (OP_IMMEDIATE, 0x480, 6, 1),
    (OP_IMMEDIATE, 0x680, 6, 1),
    (OP_IMMEDIATE, 0x480, 6, 5),
    (OP_IMMEDIATE, 0x600, 6, 5),
    (OP_IMMEDIATE_WORD, 0x600, 0, 1),
    (OP_IMMEDIATE_WORD, 0x601, 0, 1),
    (OP_IMMEDIATE_WORD, 0x602, 0, 1),
    (OP_IMMEDIATE_WORD, 0x080, 6, 1),
    (OP_IMMEDIATE_WORD, 0x600, 5, 5),
    (OP_WORD, 0x080, 0, 4),
];

/// zext.h and rev8 of RV32.
const ONLY_32: [u32; 2] = [0x0800_4033, 0x6980_5013];

pub fn programs(xlen: Xlen, random: &mut Random, slots: usize) -> Vec<Program> {
    let encodings = encodings(random);
    let mut everywhere = generate::with_addresses("every encoding", random, 0, |_| slot(&[]));
    everywhere.slots = encodings.iter().map(|instruction| slot(&[*instruction])).collect();
    let mut nowhere = generate::with_addresses("every encoding, of a bare hart", random, 0, |_| slot(&[]));
    nowhere.slots = everywhere.slots.clone();
    let mut some = plain("bit manipulation", random, slots, |random| manipulation(xlen, random));
    [&mut some, &mut everywhere].into_iter().for_each(|program| program.cpu = cpu::full(xlen).clone());
    nowhere.cpu = cpu::bare(xlen);
    vec![some, everywhere, nowhere]
}

fn manipulation(xlen: Xlen, random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    if random.one_in(2) {
        let (opcode, funct7, funct3) = random.pick(&BINARY);
        // Where zext.h is on RV64, and rev8, too.
        if xlen == Xlen::Rv32 && random.one_in(8) {
            return slot(&[random.pick(&ONLY_32) | rd << 7 | rs1 << 15]);
        }
        return slot(&[register_form(opcode, funct7, funct3, rd, rs1, rs2)]);
    }
    let (opcode, upper, free, funct3) = random.pick(&UNARY);
    let instruction = immediate_form(opcode, funct3, rd, rs1, upper | random.bits(free) as i32);
    if cpu::is_old() && (opcode, upper) == (OP_IMMEDIATE_WORD, 0x601) {
        // QEMU 7.2's ctzw of a zero counts on into the upper word (unprivileged manual, "ctzw": 32).
        return slot(&[immediate_form(OP_IMMEDIATE, 6, rs1, rs1, random.pick(&[1, 2, 0x400])), instruction]);
    }
    slot(&[instruction])
}

/// Every instruction of these extensions that the hart of this run has, and those that bits of the base begin with: as words without
/// registers and numbers.
pub fn kinds(xlen: Xlen) -> impl Iterator<Item = u32> {
    const ZICOND: u32 = 0x07;
    // What RV32 lacks, or encodes otherwise.
    let lacks = move |kind: u32| matches!(kind & 0x7f, OP_WORD | OP_IMMEDIATE_WORD) || kind >> 20 == 0x6b8;
    let is_there = move |kind: &u32| xlen == Xlen::Rv64 || !lacks(*kind);
    let only_32 = ONLY_32.into_iter().filter(move |_| xlen == Xlen::Rv32);
    let binary = BINARY.into_iter().filter(|(_, funct7, _)| *funct7 != ZICOND || !cpu::is_old());
    let binary = binary.map(|(opcode, funct7, funct3)| register_form(opcode, funct7, funct3, 0, 0, 0));
    let unary = UNARY.into_iter().map(|(opcode, upper, _, funct3)| immediate_form(opcode, funct3, 0, 0, upper));
    binary.chain(unary).filter(is_there).chain(only_32).chain(zfa::kinds())
}

/// Which of them an instruction is.
pub fn kind_of(instruction: u32) -> Option<u32> {
    let with = |bits: u32| instruction & !(31 << 7 | 31 << 15 | bits);
    let binary = BINARY.into_iter().map(|(opcode, funct7, funct3)| register_form(opcode, funct7, funct3, 0, 0, 0));
    let unary = UNARY.into_iter().find_map(|(opcode, upper, free, funct3)| {
        let kind = immediate_form(opcode, funct3, 0, 0, upper);
        (with(((1 << free) - 1) << 20) == kind).then_some(kind)
    });
    let only_32 = || ONLY_32.into_iter().find(|kind| with(0) == *kind);
    unary
        .or_else(only_32)
        .or_else(|| binary.into_iter().find(|kind| with(31 << 20) == *kind))
        .or_else(|| zfa::kind_of(instruction))
}

/// A cache-block instruction at any address; U-mode's permission is asked for in some.
pub fn cache_block(random: &mut Random) -> [u8; SLOT_SIZE] {
    let operation = random.pick(&[0, 1, 2, 4, 4]);
    slot(&[immediate_form(0x0f, 2, 0, random.register(), operation)])
}

fn encodings(random: &mut Random) -> Vec<u32> {
    const OPCODES: [u32; 5] = [OP, OP_WORD, OP_IMMEDIATE, OP_IMMEDIATE_WORD, SYSTEM];
    /// ecall, ebreak, sret and wfi.
    const OTHERS: [u32; 4] = [0x73, 0x0010_0073, SRET, 0x1050_0073];
    let mut found = Vec::new();
    for opcode in OPCODES {
        for upper in 0..1 << 12 {
            // All that decides, and any registers.
            let (funct7, rs2) = (upper >> 5, upper & 31);
            let known_by_rs2 = matches!(opcode, OP_IMMEDIATE | OP_IMMEDIATE_WORD | SYSTEM) || rs2 < 2;
            for funct3 in 0..8 {
                let mut form = |rd, rs1| {
                    let instruction = register_form(opcode, funct7, funct3, rd, rs1, rs2);
                    if known_by_rs2 && generate::is_beyond_the_base(instruction) && !OTHERS.contains(&instruction) {
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
