//! Decodes instructions for this hart: writes to x0 go to a register that is never read.
//!
//! It does not know what they do.

use crate::embedded::hart::state::SINK;
use crate::riscv::{self, Fence};

pub use crate::riscv::{
    Atomic, CONSTANTS, CsrAccess, CsrChange, Extension, Extensions, Float, Integer, Isa, Kind, Operation, Precision,
    Width,
};

/// Whether these are the first two bytes of an instruction of four bytes, or of a longer one, which is illegal here.
pub fn is_full_length(low_half: u16) -> bool {
    riscv::length(low_half) != 2
}

/// Decodes an instruction of two bytes.
pub fn decode_half(isa: Isa, half: u16) -> Operation {
    with_sink(riscv::decode_half(isa.xlen, half))
}

/// An instruction of four bytes; one of an extension that the hart does not have is illegal.
pub fn decode_word(isa: Isa, bits: u32) -> Operation {
    let operation = riscv::decode_word(isa.xlen, bits);
    let extension = operation.kind.extension();
    let guest = matches!(operation.kind, Kind::Invalidate(Fence::InvalidateGuest { .. }));
    let has = extension.is_none_or(|extension| isa.has(extension)) && (!guest || isa.has(Extension::Hypervisor));
    with_sink(if has { operation } else { Operation { kind: Kind::Illegal, ..operation } })
}

fn with_sink(operation: Operation) -> Operation {
    if operation.rd == 0 && !operation.kind.writes_float() { Operation { rd: SINK, ..operation } } else { operation }
}
