//! Bits to operations: RV32GC and RV64GC, and the extensions that `Extension` names (unprivileged manual, "RV32/64G Instruction Set Listings").
//!
//! It does not know a hart's state: what is illegal only in some state is decoded here and refused there. To add an extension:
//! its kinds in `operation`, their encodings here, their names in `text`; what a hart executes is the hart's concern.

mod bits;
mod compressed;
mod float;
mod operation;

use super::{Extension, Xlen};

pub use bits::Bits;
pub use compressed::decode as decode_half;
pub use float::CONSTANTS;
pub use operation::{
    Atomic, CacheBlock, CsrAccess, CsrChange, Fence, Float, GuestAccess, Integer, Kind, Operation, Precision, Width,
};

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

/// The instruction that begins `bytes`; `None` where they end before it does, or it is one of more than four bytes.
pub fn decode(xlen: Xlen, bytes: &[u8]) -> Option<Operation> {
    let low = u16::from_le_bytes(*bytes.first_chunk()?);
    match length(low) {
        2 => Some(decode_half(xlen, low)),
        4 => Some(decode_word(xlen, u32::from_le_bytes(*bytes.first_chunk()?))),
        _ => None,
    }
}

/// Decodes an instruction of four bytes; what is not defined becomes [`Kind::Illegal`].
pub fn decode_word(xlen: Xlen, bits: u32) -> Operation {
    let fields = Fields(bits);
    let (kind, immediate) = match bits & 0x7f {
        0x37 => (Kind::Lui, fields.upper()),
        0x17 => (Kind::Auipc, fields.upper()),
        0x6f => (Kind::Jal, fields.jump()),
        0x67 if fields.funct3() == 0 => (Kind::Jalr, fields.immediate()),
        0x63 => (branch(fields.funct3()), fields.branch()),
        0x03 => (load(fields.funct3()), fields.immediate()),
        0x23 => (store(fields.funct3()), fields.store()),
        0x13 => immediate_operation(xlen, fields),
        0x1b if xlen == Xlen::Rv64 => word_immediate_operation(fields),
        0x33 => (register_operation(xlen, fields), 0),
        0x3b if xlen == Xlen::Rv64 => (word_register_operation(fields), 0),
        0x0f if fields.funct3() <= 1 => (Kind::Fence, 0),
        0x0f if fields.funct3() == 2 => (cache_block(fields), 0),
        0x73 => system(fields),
        0x2f => (atomic(fields), 0),
        0x07 | 0x27 if matches!(fields.funct3(), 0 | 5..=7) => (VECTOR, 0),
        0x57 => (VECTOR, 0),
        0x07 => (float::load(fields.funct3()), fields.immediate()),
        0x27 => (float::store(fields.funct3()), fields.store()),
        0x43 | 0x47 | 0x4b | 0x4f | 0x53 => (float::arithmetic(fields), 0),
        _ => (Kind::Illegal, 0),
    };
    let kind = if xlen == Xlen::Rv32 && needs_64_bits(kind, immediate) { Kind::Illegal } else { kind };
    Operation { kind, length: 4, rd: fields.rd(), rs1: fields.rs1(), rs2: fields.rs2(), immediate, bits }
}

/// Where vectors have their instructions (unprivileged manual, "Vector Instruction Formats").
const VECTOR: Kind = Kind::Other(Extension::Vector);

/// Whether RV32 lacks it.
fn needs_64_bits(kind: Kind, immediate: i32) -> bool {
    use Kind::*;
    match kind {
        Ld | Lwu | Sd | Addiw | Slliw | Srliw | Sraiw | Addw | Subw | Sllw | Srlw | Sraw => true,
        Mulw | Divw | Divuw | Remw | Remuw => true,
        Slli | Srli | Srai => immediate > 31,
        Kind::Bits(bits) => bits.needs_64_bits(),
        BitsImmediate(bits) => bits.needs_64_bits() || immediate > 31,
        Guest(access) => access.width == 3 || (access.width == 2 && access.unsigned && !access.executable),
        LoadReserved(width) | StoreConditional(width) | Atomic(_, width) => width == Width::Doubleword,
        Float(operation::Float::ToInteger(form) | operation::Float::FromInteger(form), _) => {
            matches!(form, Integer::Doubleword | Integer::UnsignedDoubleword)
        }
        Float(operation::Float::MoveToInteger | operation::Float::MoveFromInteger, precision) => {
            precision == Precision::Double
        }
        _ => false,
    }
}

/// The fields of a 32-bit encoding, by the manual's names.
#[derive(Clone, Copy)]
struct Fields(u32);

impl Fields {
    fn rd(self) -> u8 {
        (self.0 >> 7 & 31) as u8
    }

    fn rs1(self) -> u8 {
        (self.0 >> 15 & 31) as u8
    }

    fn rs2(self) -> u8 {
        (self.0 >> 20 & 31) as u8
    }

    fn funct3(self) -> u32 {
        self.0 >> 12 & 7
    }

    fn funct7(self) -> u32 {
        self.0 >> 25
    }

    /// I-type.
    fn immediate(self) -> i32 {
        self.0 as i32 >> 20
    }

    /// S-type.
    fn store(self) -> i32 {
        (self.0 as i32 >> 25 << 5) | (self.0 >> 7 & 31) as i32
    }

    /// B-type.
    fn branch(self) -> i32 {
        let bits = self.0;
        (bits as i32 >> 31 << 12)
            | ((bits >> 7 & 1) << 11) as i32
            | ((bits >> 25 & 0x3f) << 5) as i32
            | ((bits >> 8 & 15) << 1) as i32
    }

    /// U-type.
    fn upper(self) -> i32 {
        (self.0 & 0xffff_f000) as i32
    }

    /// J-type.
    fn jump(self) -> i32 {
        let bits = self.0;
        (bits as i32 >> 31 << 20)
            | (bits & 0xf_f000) as i32
            | ((bits >> 20 & 1) << 11) as i32
            | ((bits >> 21 & 0x3ff) << 1) as i32
    }
}

fn branch(funct3: u32) -> Kind {
    match funct3 {
        0 => Kind::Beq,
        1 => Kind::Bne,
        4 => Kind::Blt,
        5 => Kind::Bge,
        6 => Kind::Bltu,
        7 => Kind::Bgeu,
        _ => Kind::Illegal,
    }
}

fn load(funct3: u32) -> Kind {
    match funct3 {
        0 => Kind::Lb,
        1 => Kind::Lh,
        2 => Kind::Lw,
        3 => Kind::Ld,
        4 => Kind::Lbu,
        5 => Kind::Lhu,
        6 => Kind::Lwu,
        _ => Kind::Illegal,
    }
}

fn store(funct3: u32) -> Kind {
    match funct3 {
        0 => Kind::Sb,
        1 => Kind::Sh,
        2 => Kind::Sw,
        3 => Kind::Sd,
        _ => Kind::Illegal,
    }
}

fn immediate_operation(xlen: Xlen, fields: Fields) -> (Kind, i32) {
    let immediate = fields.immediate();
    let amount = immediate & 63;
    match (fields.funct3(), fields.0 >> 26) {
        (0, _) => (Kind::Addi, immediate),
        (2, _) => (Kind::Slti, immediate),
        (3, _) => (Kind::Sltiu, immediate),
        (4, _) => (Kind::Xori, immediate),
        (6, _) => (Kind::Ori, immediate),
        (7, _) => (Kind::Andi, immediate),
        (1, 0x00) => (Kind::Slli, amount),
        (5, 0x00) => (Kind::Srli, amount),
        (5, 0x10) => (Kind::Srai, amount),
        _ => match (bits::unary(xlen, fields), bits::immediate(fields)) {
            (Some(bits), _) => (Kind::Bits(bits), 0),
            (_, Some(bits)) => (Kind::BitsImmediate(bits), amount),
            _ => (Kind::Illegal, 0),
        },
    }
}

fn word_immediate_operation(fields: Fields) -> (Kind, i32) {
    let immediate = fields.immediate();
    let amount = immediate & 31;
    match (fields.funct3(), fields.funct7()) {
        (0, _) => (Kind::Addiw, immediate),
        (1, 0x00) => (Kind::Slliw, amount),
        (5, 0x00) => (Kind::Srliw, amount),
        (5, 0x20) => (Kind::Sraiw, amount),
        _ => match (bits::word_unary(fields), bits::word_immediate(fields)) {
            (Some(bits), _) => (Kind::Bits(bits), 0),
            (_, Some((bits, amount))) => (Kind::BitsImmediate(bits), amount),
            _ => (Kind::Illegal, 0),
        },
    }
}

fn register_operation(xlen: Xlen, fields: Fields) -> Kind {
    match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => Kind::Add,
        (0x20, 0) => Kind::Sub,
        (0x00, 1) => Kind::Sll,
        (0x00, 2) => Kind::Slt,
        (0x00, 3) => Kind::Sltu,
        (0x00, 4) => Kind::Xor,
        (0x00, 5) => Kind::Srl,
        (0x20, 5) => Kind::Sra,
        (0x00, 6) => Kind::Or,
        (0x00, 7) => Kind::And,
        (0x01, 0) => Kind::Mul,
        (0x01, 1) => Kind::Mulh,
        (0x01, 2) => Kind::Mulhsu,
        (0x01, 3) => Kind::Mulhu,
        (0x01, 4) => Kind::Div,
        (0x01, 5) => Kind::Divu,
        (0x01, 6) => Kind::Rem,
        (0x01, 7) => Kind::Remu,
        _ => bits::register(xlen, fields).map_or(Kind::Illegal, Kind::Bits),
    }
}

fn word_register_operation(fields: Fields) -> Kind {
    match (fields.funct7(), fields.funct3()) {
        (0x00, 0) => Kind::Addw,
        (0x20, 0) => Kind::Subw,
        (0x00, 1) => Kind::Sllw,
        (0x00, 5) => Kind::Srlw,
        (0x20, 5) => Kind::Sraw,
        (0x01, 0) => Kind::Mulw,
        (0x01, 4) => Kind::Divw,
        (0x01, 5) => Kind::Divuw,
        (0x01, 6) => Kind::Remw,
        (0x01, 7) => Kind::Remuw,
        _ => bits::word_register(fields).map_or(Kind::Illegal, Kind::Bits),
    }
}

/// The immediate of a CSR instruction is the CSR's number.
fn system(fields: Fields) -> (Kind, i32) {
    let change = match fields.funct3() & 3 {
        0 => return (privileged(fields), 0),
        1 => CsrChange::Write,
        2 => CsrChange::Set,
        _ => CsrChange::Clear,
    };
    let source_is_number = fields.funct3() & 4 != 0;
    (Kind::Csr(CsrAccess { change, source_is_number }), (fields.0 >> 20) as i32)
}

fn privileged(fields: Fields) -> Kind {
    match fields.0 {
        0x0000_0073 => Kind::Ecall,
        0x0010_0073 => Kind::Ebreak,
        0x1020_0073 => Kind::Sret,
        0x3020_0073 => Kind::Mret,
        0x1050_0073 => Kind::Wfi,
        0x00d0_0073 => Kind::WaitForReservation { short: false },
        0x01d0_0073 => Kind::WaitForReservation { short: true },
        0x1800_0073 => Kind::Invalidate(Fence::Before),
        0x1810_0073 => Kind::Invalidate(Fence::After),
        _ if fields.funct3() == 4 => guest_access(fields).map_or(Kind::Illegal, Kind::Guest),
        _ if fields.funct3() != 0 || fields.rd() != 0 => Kind::Illegal,
        _ => match fields.funct7() {
            0x09 => Kind::SfenceVma,
            0x0b => Kind::Invalidate(Fence::Supervisor),
            0x11 => Kind::Invalidate(Fence::Hypervisor { guest_physical: false }),
            0x31 => Kind::Invalidate(Fence::Hypervisor { guest_physical: true }),
            0x13 => Kind::Invalidate(Fence::InvalidateGuest { guest_physical: false }),
            0x33 => Kind::Invalidate(Fence::InvalidateGuest { guest_physical: true }),
            _ => Kind::Illegal,
        },
    }
}

/// Loads, loads of what is executable, and stores, in all widths that there are (privileged manual, "Hypervisor Instructions").
fn guest_access(fields: Fields) -> Option<GuestAccess> {
    let (funct7, rs2) = (fields.funct7(), fields.rs2());
    if !(0x30..=0x37).contains(&funct7) {
        return None;
    }
    let width = (funct7 >> 1 & 3) as u8;
    let access = GuestAccess { width, store: funct7 & 1 != 0, unsigned: rs2 & 1 != 0, executable: rs2 == 3 };
    let exists = match (access.store, rs2) {
        (true, _) => fields.rd() == 0,
        (false, 0) => true,
        (false, 1) => width < 3,
        (false, 3) => matches!(width, 1 | 2),
        _ => false,
    };
    exists.then_some(access)
}

/// rd is 0 in those that are defined, and the immediate decides (unprivileged manual, "Cache-Block Management Instructions").
fn cache_block(fields: Fields) -> Kind {
    match (fields.rd(), fields.immediate()) {
        (0, 0) => Kind::CacheBlock(CacheBlock::Invalidate),
        (0, 1) => Kind::CacheBlock(CacheBlock::Clean),
        (0, 2) => Kind::CacheBlock(CacheBlock::Flush),
        (0, 4) => Kind::CacheBlock(CacheBlock::Zero),
        _ => Kind::Illegal,
    }
}

fn atomic(fields: Fields) -> Kind {
    let width = match fields.funct3() {
        2 => Width::Word,
        3 => Width::Doubleword,
        _ => return Kind::Illegal,
    };
    // The lowest two bits of funct7 are aq and rl: one hart keeps its order anyway.
    match fields.funct7() >> 2 {
        0x02 if fields.rs2() == 0 => Kind::LoadReserved(width),
        0x03 => Kind::StoreConditional(width),
        0x01 => Kind::Atomic(Atomic::Swap, width),
        0x00 => Kind::Atomic(Atomic::Add, width),
        0x04 => Kind::Atomic(Atomic::Xor, width),
        0x0c => Kind::Atomic(Atomic::And, width),
        0x08 => Kind::Atomic(Atomic::Or, width),
        0x10 => Kind::Atomic(Atomic::Min, width),
        0x14 => Kind::Atomic(Atomic::Max, width),
        0x18 => Kind::Atomic(Atomic::MinUnsigned, width),
        0x1c => Kind::Atomic(Atomic::MaxUnsigned, width),
        _ => Kind::Illegal,
    }
}
