//! What one instruction of RV64GC does: the memory it touches, where it goes on. It does not know registers' values.
//!
//! Source: the RISC-V unprivileged manual, chapter "RV32/64G Instruction Set Listings" and what it sums up; compressed forms
//! in `compressed`.

mod compressed;
mod text;

pub use text::disassemble;

use crate::machine::Address;

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// In bytes: 2 or 4.
    pub length: u64,
    pub effect: Effect,
}

/// What an instruction does, as far as a boot is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads `bytes` bytes at register `base` + `offset`; into an integer or a floating-point register.
    Load {
        base: u8,
        offset: i64,
        bytes: u8,
    },
    /// Writes them likewise.
    Store {
        base: u8,
        offset: i64,
        bytes: u8,
    },
    /// An AMO, or a store-conditional, which may write nothing: reads and writes `bytes` bytes at register `base`.
    Atomic {
        base: u8,
        bytes: u8,
    },
    /// Goes to the target if a comparison of two registers holds; `offset` is from its own address.
    Branch {
        offset: i64,
    },
    /// Goes to the target.
    Jump(Target),
    /// Goes to the target and keeps the address after itself in a register other than x0.
    Call(Target),
    /// Goes to where ra (or t0, the alternate link register) points.
    Return,
    /// `sret` or `mret`: leaves a trap handler.
    TrapReturn,
    Wfi,
    /// Writes satp, or is an `sfence.vma`: changes how addresses are translated.
    Translation,
    Ecall,
    Ebreak,
    /// Neither touches memory nor goes anywhere but to the next instruction, or is none of RV64GC.
    Other,
}

/// Where a jump goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To this many bytes from the jump's own address.
    Relative(i64),
    /// To register `base` + `offset`.
    Register { base: u8, offset: i64 },
}

impl Effect {
    /// Whether it writes memory, or may.
    pub fn is_store(self) -> bool {
        matches!(self, Effect::Store { .. } | Effect::Atomic { .. })
    }
}

/// The length in bytes of the instruction that begins with `low_half`: 2 or 4 in RV64GC, more (up to 24) where the encoding
/// is set aside for longer ones.
///
/// Source: the unprivileged manual, section "Expanded Instruction-Length Encoding".
pub fn length(low_half: u16) -> u64 {
    match low_half {
        half if half & 0b11 != 0b11 => 2,
        half if half & 0b1_1100 != 0b1_1100 => 4,
        half if half & 0b10_0000 == 0 => 6,
        half if half & 0b100_0000 == 0 => 8,
        half => 10 + 2 * u64::from(half >> 12 & 0b111),
    }
}

/// The instruction that begins `bytes`; None where they end before it does, or it is longer than RV64GC's are.
pub fn decode(bytes: &[u8]) -> Option<Instruction> {
    let low = u16::from_le_bytes(*bytes.first_chunk()?);
    let effect = match length(low) {
        2 => compressed::effect(low),
        4 => effect(u32::from_le_bytes(*bytes.first_chunk()?)),
        _ => return None,
    };
    Some(Instruction { length: length(low), effect })
}

/// The integer register whose value a store writes; None for one that writes a floating-point register, and for no store.
pub fn stored_register(bytes: &[u8]) -> Option<u8> {
    let low = u16::from_le_bytes(*bytes.first_chunk()?);
    if length(low) == 2 {
        return compressed::stored_register(low);
    }
    let word = u32::from_le_bytes(*bytes.first_chunk()?);
    (word & 0x7f == 0x23).then(|| field(word, 20, 5) as u8)
}

/// The addresses within `code`, which begins at `start`, of instructions that a kernel idles in: `wfi`, and jumps to
/// themselves (`j .`).
///
/// Goes from instruction to instruction. Where data lies among them it may be out of step, until the next of `known`, which
/// are addresses of instructions in ascending order, such as those of functions. It never looks in steps of two bytes
/// alone: the upper half of `addi sp, sp, -1536` looks like a `c.j .`, and a breakpoint there would damage it.
pub fn resting_places(start: Address, code: &[u8], known: &[Address]) -> Vec<Address> {
    places(start, code, known, rests)
}

/// As [`resting_places`], for the instructions whose effect is wanted.
pub fn places(start: Address, code: &[u8], known: &[Address], wanted: impl Fn(Effect) -> bool) -> Vec<Address> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut known = known.iter().filter_map(|address| address.0.checked_sub(start.0)).peekable();
    while offset < code.len() as u64 {
        let instruction = decode(&code[offset as usize..]);
        if instruction.is_some_and(|instruction| wanted(instruction.effect)) {
            found.push(start + offset);
        }
        while known.next_if(|known| *known <= offset).is_some() {}
        let next = offset + instruction.map_or(2, |instruction| instruction.length);
        offset = known.peek().copied().filter(|known| *known < next).unwrap_or(next);
    }
    found
}

fn rests(effect: Effect) -> bool {
    matches!(effect, Effect::Wfi | Effect::Jump(Target::Relative(0)))
}

/// The effect of a 32-bit instruction. Source: the manual's table "RISC-V base opcode map", and the listings by opcode.
fn effect(word: u32) -> Effect {
    let funct3 = field(word, 12, 3);
    let (rd, base) = (field(word, 7, 5), field(word, 15, 5) as u8);
    match word & 0x7f {
        // LOAD, funct3 6 being LWU, and 7 nothing; LOAD-FP.
        0x03 if funct3 != 7 => Effect::Load { base, offset: immediate_i(word), bytes: 1 << (funct3 & 3) },
        0x07 if funct3 == 2 || funct3 == 3 => Effect::Load { base, offset: immediate_i(word), bytes: 1 << funct3 },
        0x23 if funct3 <= 3 => Effect::Store { base, offset: immediate_s(word), bytes: 1 << funct3 },
        0x27 if funct3 == 2 || funct3 == 3 => Effect::Store { base, offset: immediate_s(word), bytes: 1 << funct3 },
        0x2f if funct3 == 2 || funct3 == 3 => atomic(word, base, 1 << funct3),
        0x63 if funct3 != 2 && funct3 != 3 => Effect::Branch { offset: immediate_b(word) },
        0x67 if funct3 == 0 => jump_register(rd, base, immediate_i(word)),
        0x6f if rd == 0 => Effect::Jump(Target::Relative(immediate_j(word))),
        0x6f => Effect::Call(Target::Relative(immediate_j(word))),
        0x73 => system(word),
        _ => Effect::Other,
    }
}

/// Source: chapter "'A' Extension for Atomic Instructions": funct5 0b00010 is LR, which only reads.
fn atomic(word: u32, base: u8, bytes: u8) -> Effect {
    match field(word, 27, 5) {
        0b00010 => Effect::Load { base, offset: 0, bytes },
        0b00000 | 0b00001 | 0b00011 | 0b00100 | 0b01000 | 0b01100 | 0b10000 | 0b10100 | 0b11000 | 0b11100 => {
            Effect::Atomic { base, bytes }
        }
        _ => Effect::Other,
    }
}

/// Source: the table "Return-address stack prediction hints": ra and t0 are link registers.
fn jump_register(rd: u32, base: u8, offset: i64) -> Effect {
    match (rd, base, offset) {
        (0, 1 | 5, 0) => Effect::Return,
        (0, _, _) => Effect::Jump(Target::Register { base, offset }),
        _ => Effect::Call(Target::Register { base, offset }),
    }
}

/// Source: the privileged manual, chapter "RISC-V Privileged Instruction Set Listings".
fn system(word: u32) -> Effect {
    match word {
        0x0000_0073 => Effect::Ecall,
        0x0010_0073 => Effect::Ebreak,
        0x1020_0073 | 0x3020_0073 => Effect::TrapReturn,
        0x1050_0073 => Effect::Wfi,
        _ if word & 0xfe00_7fff == 0x1200_0073 => Effect::Translation,
        _ if field(word, 20, 12) == SATP && writes_csr(word) => Effect::Translation,
        _ => Effect::Other,
    }
}

/// The number of the CSR that says which page table is in use.
const SATP: u32 = 0x180;

/// Source: the unprivileged manual, chapter "Zicsr": those that set or clear bits write nothing where rs1 is x0 or 0.
fn writes_csr(word: u32) -> bool {
    match field(word, 12, 3) {
        1 | 5 => true,
        2 | 3 | 6 | 7 => field(word, 15, 5) != 0,
        _ => false,
    }
}

fn field(word: u32, lowest: u32, bits: u32) -> u32 {
    word >> lowest & ((1 << bits) - 1)
}

/// The lowest `bits` of `value`, of which the highest is the sign.
fn signed(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)) as i32 >> (32 - bits))
}

// The immediates: the unprivileged manual, section "Immediate Encoding Variants".

fn immediate_i(word: u32) -> i64 {
    signed(field(word, 20, 12), 12)
}

fn immediate_s(word: u32) -> i64 {
    signed(field(word, 25, 7) << 5 | field(word, 7, 5), 12)
}

fn immediate_b(word: u32) -> i64 {
    signed(field(word, 31, 1) << 12 | field(word, 7, 1) << 11 | field(word, 25, 6) << 5 | field(word, 8, 4) << 1, 13)
}

fn immediate_j(word: u32) -> i64 {
    let low = field(word, 12, 8) << 12 | field(word, 20, 1) << 11 | field(word, 21, 10) << 1;
    signed(field(word, 31, 1) << 20 | low, 21)
}

#[cfg(test)]
mod tests;
