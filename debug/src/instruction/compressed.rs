//! The 16-bit instructions. It does not know the longer ones.
//!
//! Source: the RISC-V unprivileged manual, chapter "'C' Extension for Compressed Instructions", tables "Instruction listing
//! for RVC, Quadrant 0" to "Quadrant 2", for RV64.

use super::{Effect, Target, field, signed};

const SP: u8 = 2;

/// The effect of an instruction whose two lowest bits are not both set.
pub(super) fn effect(half: u16) -> Effect {
    let half = u32::from(half);
    let funct3 = field(half, 13, 3);
    let base = 8 + field(half, 7, 3) as u8; // rs1', one of x8 to x15
    match (half & 0b11, funct3) {
        (0, 0b001 | 0b011) => Effect::Load { base, offset: scaled_by_8(half), bytes: 8 },
        (0, 0b010) => Effect::Load { base, offset: scaled_by_4(half), bytes: 4 },
        (0, 0b101 | 0b111) => Effect::Store { base, offset: scaled_by_8(half), bytes: 8 },
        (0, 0b110) => Effect::Store { base, offset: scaled_by_4(half), bytes: 4 },

        (1, 0b101) => Effect::Jump(Target::Relative(jump_offset(half))),
        (1, 0b110 | 0b111) => Effect::Branch { offset: branch_offset(half) },

        (2, 0b001) => load_from_stack(from_stack_by_8(half), 8),
        (2, 0b010) if field(half, 7, 5) != 0 => {
            load_from_stack(field(half, 2, 2) << 6 | field(half, 12, 1) << 5 | field(half, 4, 3) << 2, 4)
        }
        (2, 0b011) if field(half, 7, 5) != 0 => load_from_stack(from_stack_by_8(half), 8),
        (2, 0b100) => register(half),
        (2, 0b101 | 0b111) => store_to_stack(field(half, 7, 3) << 6 | field(half, 10, 3) << 3, 8),
        (2, 0b110) => store_to_stack(field(half, 7, 2) << 6 | field(half, 9, 4) << 2, 4),

        _ => Effect::Other,
    }
}

/// The register that C.SW, C.SD, C.SWSP or C.SDSP stores; C.FSD and C.FSDSP store another kind.
pub(super) fn stored_register(half: u16) -> Option<u8> {
    let half = u32::from(half);
    match (half & 0b11, field(half, 13, 3)) {
        (0, 0b110 | 0b111) => Some(8 + field(half, 2, 3) as u8), // rs2', one of x8 to x15
        (2, 0b110 | 0b111) => Some(field(half, 2, 5) as u8),
        _ => None,
    }
}

/// C.JR, C.JALR, C.EBREAK; C.MV and C.ADD have a second register.
fn register(half: u32) -> Effect {
    let base = field(half, 7, 5) as u8;
    match (field(half, 12, 1), base, field(half, 2, 5)) {
        (0, 1 | 5, 0) => Effect::Return,
        (0, 1.., 0) => Effect::Jump(Target::Register { base, offset: 0 }),
        (1, 0, 0) => Effect::Ebreak,
        (1, 1.., 0) => Effect::Call(Target::Register { base, offset: 0 }),
        _ => Effect::Other,
    }
}

fn load_from_stack(offset: u32, bytes: u8) -> Effect {
    Effect::Load { base: SP, offset: i64::from(offset), bytes }
}

fn store_to_stack(offset: u32, bytes: u8) -> Effect {
    Effect::Store { base: SP, offset: i64::from(offset), bytes }
}

/// The CL and CS formats' offset of 8 bytes.
fn scaled_by_8(half: u32) -> i64 {
    i64::from(field(half, 5, 2) << 6 | field(half, 10, 3) << 3)
}

/// The CL and CS formats' offset of 4 bytes.
fn scaled_by_4(half: u32) -> i64 {
    i64::from(field(half, 5, 1) << 6 | field(half, 10, 3) << 3 | field(half, 6, 1) << 2)
}

/// C.LDSP's and C.FLDSP's offset.
fn from_stack_by_8(half: u32) -> u32 {
    field(half, 2, 3) << 6 | field(half, 12, 1) << 5 | field(half, 5, 2) << 3
}

/// The CJ format's offset.
fn jump_offset(half: u32) -> i64 {
    let high = field(half, 12, 1) << 11 | field(half, 8, 1) << 10 | field(half, 9, 2) << 8;
    let low = field(half, 6, 1) << 7 | field(half, 7, 1) << 6 | field(half, 2, 1) << 5;
    signed(high | low | field(half, 11, 1) << 4 | field(half, 3, 3) << 1, 12)
}

/// The CB format's offset of C.BEQZ and C.BNEZ.
fn branch_offset(half: u32) -> i64 {
    let high = field(half, 12, 1) << 8 | field(half, 5, 2) << 6 | field(half, 2, 1) << 5;
    signed(high | field(half, 10, 2) << 3 | field(half, 3, 2) << 1, 9)
}
