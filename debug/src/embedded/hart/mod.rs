//! The hart: its state, what its instructions are and do, its CSRs and traps, its floating point.
//!
//! It does not know the past, nor which devices the bus has.

pub mod csr;
pub mod decode;
pub mod execute;
pub mod float;
pub mod state;
pub mod system;
pub mod trap;
