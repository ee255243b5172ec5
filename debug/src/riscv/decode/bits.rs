//! Bit manipulation and conditional zeroing: Zba, Zbb, Zbc, Zbs, Zicond (unprivileged manual, "B" and "Zicond").
//!
//! It does not know what they do.

use super::{Fields, Xlen};
use crate::riscv::Extension;

macro_rules! operations {
    ($($name:ident $text:literal $extension:ident,)*) => {
        /// An operation on bits, named as in the manual.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bits { $(#[doc = concat!("`", $text, "`.")] $name,)* }

        impl Bits {
            /// Its name, without the `i` of those with a number.
            pub fn name(self) -> &'static str {
                match self { $(Bits::$name => $text,)* }
            }

            /// The extension that defines it.
            pub fn extension(self) -> Extension {
                match self { $(Bits::$name => Extension::$extension,)* }
            }
        }
    };
}

operations! {
    AddUw "add.uw" Zba, Sh1add "sh1add" Zba, Sh2add "sh2add" Zba, Sh3add "sh3add" Zba,
    Sh1addUw "sh1add.uw" Zba, Sh2addUw "sh2add.uw" Zba, Sh3addUw "sh3add.uw" Zba, SlliUw "slli.uw" Zba,
    Andn "andn" Zbb, Orn "orn" Zbb, Xnor "xnor" Zbb, Min "min" Zbb, Minu "minu" Zbb, Max "max" Zbb, Maxu "maxu" Zbb,
    Rol "rol" Zbb, Ror "ror" Zbb, Rolw "rolw" Zbb, Rorw "rorw" Zbb,
    Clz "clz" Zbb, Ctz "ctz" Zbb, Cpop "cpop" Zbb, Clzw "clzw" Zbb, Ctzw "ctzw" Zbb, Cpopw "cpopw" Zbb,
    SextB "sext.b" Zbb, SextH "sext.h" Zbb, ZextH "zext.h" Zbb, OrcB "orc.b" Zbb, Rev8 "rev8" Zbb,
    Clmul "clmul" Zbc, Clmulr "clmulr" Zbc, Clmulh "clmulh" Zbc,
    Bclr "bclr" Zbs, Bext "bext" Zbs, Binv "binv" Zbs, Bset "bset" Zbs,
    CzeroEqz "czero.eqz" Zicond, CzeroNez "czero.nez" Zicond,
}

impl Bits {
    /// Whether it has one source.
    pub fn is_unary(self) -> bool {
        use Bits::*;
        matches!(self, Clz | Ctz | Cpop | Clzw | Ctzw | Cpopw | SextB | SextH | ZextH | OrcB | Rev8)
    }

    /// Whether RV32 lacks it.
    pub fn needs_64_bits(self) -> bool {
        use Bits::*;
        matches!(self, AddUw | Sh1addUw | Sh2addUw | Sh3addUw | SlliUw | Rolw | Rorw | Clzw | Ctzw | Cpopw)
    }
}

/// Of two registers, opcode OP.
pub fn register(xlen: Xlen, fields: Fields) -> Option<Bits> {
    Some(match (fields.funct7(), fields.funct3()) {
        (0x04, 4) if xlen == Xlen::Rv32 && fields.rs2() == 0 => Bits::ZextH,
        (0x05, 1) => Bits::Clmul,
        (0x05, 2) => Bits::Clmulr,
        (0x05, 3) => Bits::Clmulh,
        (0x05, 4) => Bits::Min,
        (0x05, 5) => Bits::Minu,
        (0x05, 6) => Bits::Max,
        (0x05, 7) => Bits::Maxu,
        (0x07, 5) => Bits::CzeroEqz,
        (0x07, 7) => Bits::CzeroNez,
        (0x10, 2) => Bits::Sh1add,
        (0x10, 4) => Bits::Sh2add,
        (0x10, 6) => Bits::Sh3add,
        (0x14, 1) => Bits::Bset,
        (0x20, 4) => Bits::Xnor,
        (0x20, 6) => Bits::Orn,
        (0x20, 7) => Bits::Andn,
        (0x24, 1) => Bits::Bclr,
        (0x24, 5) => Bits::Bext,
        (0x30, 1) => Bits::Rol,
        (0x30, 5) => Bits::Ror,
        (0x34, 1) => Bits::Binv,
        _ => return None,
    })
}

/// Opcode OP-32.
pub fn word_register(fields: Fields) -> Option<Bits> {
    Some(match (fields.funct7(), fields.funct3()) {
        (0x04, 0) => Bits::AddUw,
        (0x04, 4) if fields.rs2() == 0 => Bits::ZextH,
        (0x10, 2) => Bits::Sh1addUw,
        (0x10, 4) => Bits::Sh2addUw,
        (0x10, 6) => Bits::Sh3addUw,
        (0x30, 1) => Bits::Rolw,
        (0x30, 5) => Bits::Rorw,
        _ => return None,
    })
}

/// Of a register alone: opcode OP-IMM, whose immediate decides.
pub fn unary(xlen: Xlen, fields: Fields) -> Option<Bits> {
    Some(match (fields.funct3(), fields.immediate()) {
        (1, 0x600) => Bits::Clz,
        (1, 0x601) => Bits::Ctz,
        (1, 0x602) => Bits::Cpop,
        (1, 0x604) => Bits::SextB,
        (1, 0x605) => Bits::SextH,
        (5, 0x287) => Bits::OrcB,
        (5, 0x6b8) if xlen == Xlen::Rv64 => Bits::Rev8,
        (5, 0x698) if xlen == Xlen::Rv32 => Bits::Rev8,
        _ => return None,
    })
}

/// Opcode OP-IMM-32.
pub fn word_unary(fields: Fields) -> Option<Bits> {
    Some(match (fields.funct3(), fields.immediate()) {
        (1, 0x600) => Bits::Clzw,
        (1, 0x601) => Bits::Ctzw,
        (1, 0x602) => Bits::Cpopw,
        _ => return None,
    })
}

/// Of a register and a number of six bits: opcode OP-IMM.
pub fn immediate(fields: Fields) -> Option<Bits> {
    Some(match (fields.funct3(), fields.funct7() >> 1) {
        (1, 0x0a) => Bits::Bset,
        (1, 0x12) => Bits::Bclr,
        (1, 0x1a) => Bits::Binv,
        (5, 0x12) => Bits::Bext,
        (5, 0x18) => Bits::Ror,
        _ => return None,
    })
}

/// Opcode OP-IMM-32; the number of the first has six bits, that of the other five.
pub fn word_immediate(fields: Fields) -> Option<(Bits, i32)> {
    match (fields.funct3(), fields.funct7()) {
        (1, 0x04 | 0x05) => Some((Bits::SlliUw, fields.immediate() & 63)),
        (5, 0x30) => Some((Bits::Rorw, fields.immediate() & 31)),
        _ => None,
    }
}
