//! RISC-V's facts: registers, CSRs, causes of traps, SBI numbers, the `virt` board's map, and its instructions.
//!
//! Pure: it does not know where bytes come from, nor machines. Each number of a manual stands here and nowhere else.

mod address;
pub mod board;
pub mod cause;
pub mod csr;
mod decode;
mod effect;
mod operands;
mod register;
pub mod sbi;
mod text;

pub use address::Address;
pub use decode::{
    Atomic, CsrAccess, CsrChange, Extension, Float, Integer, Kind, Operation, Precision, Width, Xlen, decode,
    decode_half, decode_word, length,
};
pub use effect::{Effect, Target, places, places_of, resting_places};
pub use operands::{Computation, Operands};
pub use register::{Register, Registers};
pub use text::disassemble;

#[cfg(test)]
mod tests;
