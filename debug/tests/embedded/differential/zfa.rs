//! Additional floating-point instructions (Zfa): each of them, with every constant and rounding mode, those that are none among them. It
//! does not know how slots are run.

use debug::riscv::Xlen;

use super::cpu;
use super::generate::plain;
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

/// What funct3 is: part of the encoding, or a rounding mode.
const MODE: u32 = 8;

/// funct7, rs2 where it is part of the encoding, funct3. The last bit of funct7 is the format's.
const FORMS: [(u32, Option<u32>, u32); 14] = [
    (0x78, Some(1), 0),
    (0x79, Some(1), 0),
    (0x14, None, 2),
    (0x15, None, 2),
    (0x14, None, 3),
    (0x15, None, 3),
    (0x50, None, 4),
    (0x51, None, 4),
    (0x50, None, 5),
    (0x51, None, 5),
    (0x20, Some(4), MODE),
    (0x21, Some(4), MODE),
    (0x20, Some(5), MODE),
    (0x21, Some(5), MODE),
];
/// `fcvtmod.w.d`, which rounds toward zero alone.
const MODULO: u32 = 0xc280_1053;

pub fn programs(xlen: Xlen, random: &mut Random, slots: usize) -> Vec<Program> {
    let mut everywhere = plain("additional floating point, every encoding", random, 0, any);
    everywhere.slots = encodings(random).into_iter().map(|instruction| slot(&[instruction])).collect();
    let mut nowhere = plain("additional floating point of a bare hart", random, 0, any);
    nowhere.cpu = cpu::bare(xlen);
    everywhere.cpu = cpu::full(xlen).clone();
    nowhere.slots = everywhere.slots.clone();
    if cpu::is_old() {
        vec![nowhere]
    } else {
        let some = plain("additional floating point", random, slots, any);
        vec![Program { cpu: cpu::full(xlen).clone(), ..some }, everywhere, nowhere]
    }
}

fn any(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    if random.one_in(8) {
        return slot(&[MODULO | rd << 7 | rs1 << 15]);
    }
    let (funct7, fixed, funct3) = random.pick(&FORMS);
    let mode = if random.one_in(16) { random.bits(3) } else { random.pick(&[0, 1, 2, 3, 4, 7]) };
    let funct3 = if funct3 == MODE { mode } else { funct3 };
    slot(&[register_form(OP_FLOAT, funct7, funct3, rd, rs1, fixed.unwrap_or(rs2))])
}

/// All that one of them could be by funct7, funct3 and rs2, with any other registers.
fn encodings(random: &mut Random) -> Vec<u32> {
    let mut found = Vec::new();
    for funct7 in [0x14, 0x15, 0x20, 0x21, 0x50, 0x51, 0x60, 0x61, 0x78, 0x79] {
        for (funct3, rs2) in (0..8).flat_map(|funct3| (0..32).map(move |rs2| (funct3, rs2))) {
            found.push(register_form(OP_FLOAT, funct7, funct3, random.register(), random.register(), rs2));
        }
    }
    found
}

/// Every instruction of it that the hart of this run has, as words without registers; of those that round, one for each mode.
pub fn kinds() -> impl Iterator<Item = u32> {
    let forms = FORMS.into_iter().flat_map(|(funct7, rs2, funct3)| {
        let modes: &[u32] = if funct3 == MODE { &[0, 1, 2, 3, 4, 7] } else { &[funct3] };
        modes.iter().map(move |mode| register_form(OP_FLOAT, funct7, *mode, 0, 0, rs2.unwrap_or(0))).collect::<Vec<_>>()
    });
    let constants = (0..32).flat_map(|number| [0xf010_0053, 0xf210_0053].map(|word| word | number << 15));
    forms.chain([MODULO]).chain(constants).filter(|_| !cpu::is_old())
}

/// Which of them an instruction is: of a constant, which one.
pub fn kind_of(instruction: u32) -> Option<u32> {
    let is_constant = instruction >> 26 == 0xf0 >> 2;
    let registers = if is_constant { 31 << 7 } else { 31 << 7 | 31 << 15 };
    let word = instruction & !registers;
    [word, word & !(31 << 20)].into_iter().find(|word| kinds().any(|kind| kind == *word))
}
