//! Extension C: 16-bit encodings, each the short form of a 32-bit one (unprivileged manual, "RVC Instruction Set Listings").
//!
//! It does not know what the long forms do.

use super::{Kind, Operation, Xlen};

/// Decodes an instruction of two bytes.
pub fn decode(xlen: Xlen, half: u16) -> Operation {
    let fields = Fields(half.into());
    let expanded = match (half & 3, half >> 13) {
        (0, funct3) => memory(xlen, fields, funct3),
        (1, funct3) => arithmetic(xlen, fields, funct3),
        (_, funct3) => stack(xlen, fields, funct3),
    };
    let Short { kind, rd, rs1, rs2, immediate } = expanded.unwrap_or(ILLEGAL);
    Operation { kind, length: 2, rd, rs1, rs2, immediate, bits: half.into() }
}

/// The fields of the long form.
struct Short {
    kind: Kind,
    rd: u8,
    rs1: u8,
    rs2: u8,
    immediate: i32,
}

const ILLEGAL: Short = Short { kind: Kind::Illegal, rd: 0, rs1: 0, rs2: 0, immediate: 0 };

impl Short {
    fn with_immediate(kind: Kind, rd: u8, rs1: u8, immediate: i32) -> Option<Short> {
        Some(Short { kind, rd, rs1, rs2: 0, immediate })
    }

    fn with_registers(kind: Kind, rd: u8, rs1: u8, rs2: u8) -> Option<Short> {
        Some(Short { kind, rd, rs1, rs2, immediate: 0 })
    }

    fn store(kind: Kind, rs1: u8, rs2: u8, immediate: i32) -> Option<Short> {
        Some(Short { kind, rd: 0, rs1, rs2, immediate })
    }
}

const STACK_POINTER: u8 = 2;

#[derive(Clone, Copy)]
struct Fields(u32);

impl Fields {
    /// `count` bits from bit `from` on, moved to bit `to` of an immediate.
    fn bits(self, from: u32, count: u32, to: u32) -> i32 {
        ((self.0 >> from & ((1 << count) - 1)) << to) as i32
    }

    /// rd and rs1 of the full-width forms.
    fn full(self) -> u8 {
        (self.0 >> 7 & 31) as u8
    }

    /// rs2 of the full-width forms.
    fn second(self) -> u8 {
        (self.0 >> 2 & 31) as u8
    }

    /// rs1' or rd', bits 9 to 7: x8 to x15.
    fn high(self) -> u8 {
        8 + (self.0 >> 7 & 7) as u8
    }

    /// rs2' or rd', bits 4 to 2: x8 to x15.
    fn low(self) -> u8 {
        8 + (self.0 >> 2 & 7) as u8
    }

    /// The signed six bits of c.addi and its like.
    fn signed_six(self) -> i32 {
        (self.bits(12, 1, 5) | self.bits(2, 5, 0)) << 26 >> 26
    }

    fn shift_amount(self) -> i32 {
        self.bits(12, 1, 5) | self.bits(2, 5, 0)
    }

    /// The offset of a doubleword, as c.ld has it.
    fn doubleword(self) -> i32 {
        self.bits(10, 3, 3) | self.bits(5, 2, 6)
    }

    /// The offset of a word, as c.lw has it.
    fn word(self) -> i32 {
        self.bits(10, 3, 3) | self.bits(6, 1, 2) | self.bits(5, 1, 6)
    }

    fn jump(self) -> i32 {
        let offset = self.bits(12, 1, 11)
            | self.bits(11, 1, 4)
            | self.bits(9, 2, 8)
            | self.bits(8, 1, 10)
            | self.bits(7, 1, 6)
            | self.bits(6, 1, 7)
            | self.bits(3, 3, 1)
            | self.bits(2, 1, 5);
        offset << 20 >> 20
    }

    fn branch(self) -> i32 {
        let offset =
            self.bits(12, 1, 8) | self.bits(10, 2, 3) | self.bits(5, 2, 6) | self.bits(3, 2, 1) | self.bits(2, 1, 5);
        offset << 23 >> 23
    }
}

/// Quadrant 0.
fn memory(xlen: Xlen, fields: Fields, funct3: u16) -> Option<Short> {
    let (base, other) = (fields.high(), fields.low());
    match funct3 {
        0 => {
            let offset = fields.bits(11, 2, 4) | fields.bits(7, 4, 6) | fields.bits(6, 1, 2) | fields.bits(5, 1, 3);
            if offset == 0 { None } else { Short::with_immediate(Kind::Addi, other, STACK_POINTER, offset) }
        }
        1 => Short::with_immediate(Kind::Fld, other, base, fields.doubleword()),
        2 => Short::with_immediate(Kind::Lw, other, base, fields.word()),
        3 if xlen == Xlen::Rv32 => Short::with_immediate(Kind::Flw, other, base, fields.word()),
        3 => Short::with_immediate(Kind::Ld, other, base, fields.doubleword()),
        5 => Short::store(Kind::Fsd, base, other, fields.doubleword()),
        6 => Short::store(Kind::Sw, base, other, fields.word()),
        7 if xlen == Xlen::Rv32 => Short::store(Kind::Fsw, base, other, fields.word()),
        7 => Short::store(Kind::Sd, base, other, fields.doubleword()),
        _ => None,
    }
}

/// Quadrant 1.
fn arithmetic(xlen: Xlen, fields: Fields, funct3: u16) -> Option<Short> {
    let rd = fields.full();
    let immediate = fields.signed_six();
    match funct3 {
        0 => Short::with_immediate(Kind::Addi, rd, rd, immediate),
        1 if xlen == Xlen::Rv32 => Short::with_immediate(Kind::Jal, 1, 0, fields.jump()),
        1 if rd == 0 => None,
        1 => Short::with_immediate(Kind::Addiw, rd, rd, immediate),
        2 => Short::with_immediate(Kind::Addi, rd, 0, immediate),
        3 if immediate == 0 => None,
        3 if rd == STACK_POINTER => {
            let offset = fields.bits(12, 1, 9)
                | fields.bits(6, 1, 4)
                | fields.bits(5, 1, 6)
                | fields.bits(3, 2, 7)
                | fields.bits(2, 1, 5);
            Short::with_immediate(Kind::Addi, rd, rd, offset << 22 >> 22)
        }
        3 => Short::with_immediate(Kind::Lui, rd, 0, immediate << 12),
        4 => computation(xlen, fields),
        5 => Short::with_immediate(Kind::Jal, 0, 0, fields.jump()),
        6 => Some(Short { immediate: fields.branch(), ..Short::with_registers(Kind::Beq, 0, fields.high(), 0)? }),
        _ => Some(Short { immediate: fields.branch(), ..Short::with_registers(Kind::Bne, 0, fields.high(), 0)? }),
    }
}

/// Quadrant 1, funct3 4: shifts, and operations between x8 to x15.
fn computation(xlen: Xlen, fields: Fields) -> Option<Short> {
    let (rd, rs2) = (fields.high(), fields.low());
    let kind = match (fields.bits(10, 2, 0), fields.bits(12, 1, 0), fields.bits(5, 2, 0)) {
        (0 | 1, 1, _) if xlen == Xlen::Rv32 => return None,
        (0, _, _) => return Short::with_immediate(Kind::Srli, rd, rd, fields.shift_amount()),
        (1, _, _) => return Short::with_immediate(Kind::Srai, rd, rd, fields.shift_amount()),
        (2, _, _) => return Short::with_immediate(Kind::Andi, rd, rd, fields.signed_six()),
        (_, 0, 0) => Kind::Sub,
        (_, 0, 1) => Kind::Xor,
        (_, 0, 2) => Kind::Or,
        (_, 0, _) => Kind::And,
        _ if xlen == Xlen::Rv32 => return None,
        (_, _, 0) => Kind::Subw,
        (_, _, 1) => Kind::Addw,
        _ => return None,
    };
    Short::with_registers(kind, rd, rd, rs2)
}

/// Quadrant 2.
fn stack(xlen: Xlen, fields: Fields, funct3: u16) -> Option<Short> {
    let (rd, rs2) = (fields.full(), fields.second());
    let load_doubleword = fields.bits(12, 1, 5) | fields.bits(5, 2, 3) | fields.bits(2, 3, 6);
    let load_word = fields.bits(12, 1, 5) | fields.bits(4, 3, 2) | fields.bits(2, 2, 6);
    let store_doubleword = fields.bits(10, 3, 3) | fields.bits(7, 3, 6);
    let store_word = fields.bits(9, 4, 2) | fields.bits(7, 2, 6);
    match funct3 {
        0 if xlen == Xlen::Rv32 && fields.shift_amount() > 31 => None,
        0 => Short::with_immediate(Kind::Slli, rd, rd, fields.shift_amount()),
        1 => Short::with_immediate(Kind::Fld, rd, STACK_POINTER, load_doubleword),
        3 if xlen == Xlen::Rv32 => Short::with_immediate(Kind::Flw, rd, STACK_POINTER, load_word),
        2 | 3 if rd == 0 => None,
        2 => Short::with_immediate(Kind::Lw, rd, STACK_POINTER, load_word),
        3 => Short::with_immediate(Kind::Ld, rd, STACK_POINTER, load_doubleword),
        4 => jump_or_move(fields.bits(12, 1, 0) == 1, rd, rs2),
        5 => Short::store(Kind::Fsd, STACK_POINTER, rs2, store_doubleword),
        6 => Short::store(Kind::Sw, STACK_POINTER, rs2, store_word),
        _ if xlen == Xlen::Rv32 => Short::store(Kind::Fsw, STACK_POINTER, rs2, store_word),
        _ => Short::store(Kind::Sd, STACK_POINTER, rs2, store_doubleword),
    }
}

/// Quadrant 2, funct3 4: c.jr, c.mv, c.ebreak, c.jalr, c.add.
fn jump_or_move(bit_12: bool, rd: u8, rs2: u8) -> Option<Short> {
    match (bit_12, rd, rs2) {
        (false, 0, 0) => None,
        (false, _, 0) => Short::with_immediate(Kind::Jalr, 0, rd, 0),
        (false, _, _) => Short::with_registers(Kind::Add, rd, 0, rs2),
        (true, 0, 0) => Short::with_registers(Kind::Ebreak, 0, 0, 0),
        (true, _, 0) => Short::with_immediate(Kind::Jalr, 1, rd, 0),
        (true, _, _) => Short::with_registers(Kind::Add, rd, rd, rs2),
    }
}
