//! RISC-V's facts: registers, CSRs, causes of traps, SBI numbers, the `virt` board's map, and its instructions.
//!
//! Pure: it knows neither machines nor where bytes come from. Each number from a manual is in this room and nowhere else.

mod address;
pub mod board;
pub mod cause;
mod cpu;
pub mod csr;
mod decode;
mod effect;
mod extension;
mod isa;
mod operands;
pub mod page_table;
pub mod pmp;
mod register;
pub mod sbi;
pub mod semihosting;
pub mod status;
mod text;
mod xlen;

pub use address::Address;
pub use cpu::Cpu;
pub use decode::{
    Atomic, Bits, CONSTANTS, CacheBlock, CsrAccess, CsrChange, Fence, Float, GuestAccess, Integer, Kind, Operation,
    Precision, Width, decode, decode_half, decode_word, length,
};
pub use effect::{Effect, Target, places, places_of, resting_places};
pub use extension::{Extension, Extensions};
pub use isa::Isa;
pub use operands::{Computation, Operands, Uses};
pub use register::{Register, Registers};
pub use text::disassemble;
pub use xlen::Xlen;

#[cfg(test)]
mod tests;
