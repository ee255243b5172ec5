//! The encodings of extensions F, D and Zfa. It does not know rounding modes: whether one is legal may depend on frm.

use super::{Fields, Float, Integer, Kind, Precision};

pub(super) fn load(funct3: u32) -> Kind {
    match funct3 {
        2 => Kind::Flw,
        3 => Kind::Fld,
        _ => Kind::Illegal,
    }
}

pub(super) fn store(funct3: u32) -> Kind {
    match funct3 {
        2 => Kind::Fsw,
        3 => Kind::Fsd,
        _ => Kind::Illegal,
    }
}

/// Major opcodes MADD, MSUB, NMSUB, NMADD and OP-FP.
pub(super) fn arithmetic(fields: Fields) -> Kind {
    let precision = match fields.funct7() & 3 {
        0 => Precision::Single,
        1 => Precision::Double,
        _ => return Kind::Illegal,
    };
    let operation = match fields.0 & 0x7f {
        0x43 => Some(Float::MultiplyAdd),
        0x47 => Some(Float::MultiplySubtract),
        0x4b => Some(Float::NegatedMultiplySubtract),
        0x4f => Some(Float::NegatedMultiplyAdd),
        _ => operation(fields, precision),
    };
    // Rounding modes 5 and 6 are reserved; 7 is the dynamic one.
    let operation = operation.filter(|operation| !operation.rounds() || !matches!(fields.funct3(), 5 | 6));
    operation.map_or(Kind::Illegal, |operation| Kind::Float(operation, precision))
}

/// Major opcode OP-FP: by the upper five bits of funct7, then by rs2 or funct3 where these select.
fn operation(fields: Fields, precision: Precision) -> Option<Float> {
    let operation = match (fields.funct7() >> 2, fields.rs2(), fields.funct3()) {
        (0x00, _, _) => Float::Add,
        (0x01, _, _) => Float::Subtract,
        (0x02, _, _) => Float::Multiply,
        (0x03, _, _) => Float::Divide,
        (0x0b, 0, _) => Float::SquareRoot,
        (0x04, _, 0) => Float::CopySign,
        (0x04, _, 1) => Float::CopyNegatedSign,
        (0x04, _, 2) => Float::XorSign,
        (0x05, _, 0) => Float::Minimum,
        (0x05, _, 1) => Float::Maximum,
        (0x05, _, 2) => Float::MinimumOrNan,
        (0x05, _, 3) => Float::MaximumOrNan,
        (0x08, 1, _) if precision == Precision::Single => Float::Convert,
        (0x08, 0, _) if precision == Precision::Double => Float::Convert,
        (0x08, 4, _) => Float::Round,
        (0x08, 5, _) => Float::RoundInexact,
        (0x14, _, 0) => Float::LessOrEqual,
        (0x14, _, 1) => Float::LessThan,
        (0x14, _, 2) => Float::Equal,
        (0x14, _, 4) => Float::LessOrEqualQuiet,
        (0x14, _, 5) => Float::LessThanQuiet,
        (0x18, 8, 1) if precision == Precision::Double => Float::ToWordModulo,
        (0x18, form, _) => Float::ToInteger(integer(form)?),
        (0x1a, form, _) => Float::FromInteger(integer(form)?),
        (0x1c, 0, 0) => Float::MoveToInteger,
        (0x1c, 0, 1) => Float::Classify,
        (0x1e, 0, 0) => Float::MoveFromInteger,
        (0x1e, 1, 0) => Float::Constant,
        _ => return None,
    };
    Some(operation)
}

/// The numbers that `fli` loads, but for those of the format: the smallest normal one, number 1, and the canonical NaN, number 31
/// (unprivileged manual, "Zfa", table of immediate values).
pub const CONSTANTS: [f64; 32] = [
    -1.0,
    f64::MIN_POSITIVE,
    1.0 / 65536.0,
    1.0 / 32768.0,
    1.0 / 256.0,
    1.0 / 128.0,
    0.0625,
    0.125,
    0.25,
    0.3125,
    0.375,
    0.4375,
    0.5,
    0.625,
    0.75,
    0.875,
    1.0,
    1.25,
    1.5,
    1.75,
    2.0,
    2.5,
    3.0,
    4.0,
    8.0,
    16.0,
    128.0,
    256.0,
    32768.0,
    65536.0,
    f64::INFINITY,
    f64::NAN,
];

fn integer(form: u8) -> Option<Integer> {
    match form {
        0 => Some(Integer::Word),
        1 => Some(Integer::UnsignedWord),
        2 => Some(Integer::Doubleword),
        3 => Some(Integer::UnsignedDoubleword),
        _ => None,
    }
}
