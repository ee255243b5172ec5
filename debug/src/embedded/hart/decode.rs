//! Instructions as this hart keeps them: decoded, a result for x0 sent where nobody reads it.
//!
//! It does not know what they do.

use crate::embedded::hart::state::SINK;
use crate::riscv::{self, Xlen};

pub use crate::riscv::{Atomic, CsrAccess, CsrChange, Extension, Float, Integer, Kind, Operation, Precision, Width};

/// Whether these are the first two bytes of an instruction of four, or of one that is longer and illegal here.
pub fn is_full_length(low_half: u16) -> bool {
    riscv::length(low_half) != 2
}

/// An instruction of two bytes.
pub fn decode_half(half: u16) -> Operation {
    with_sink(riscv::decode_half(Xlen::Rv64, half))
}

/// An instruction of four bytes.
pub fn decode_word(bits: u32) -> Operation {
    with_sink(riscv::decode_word(Xlen::Rv64, bits))
}

fn with_sink(operation: Operation) -> Operation {
    if operation.rd == 0 && !operation.kind.writes_float() { Operation { rd: SINK, ..operation } } else { operation }
}
