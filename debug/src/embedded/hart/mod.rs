//! The hart: its state, instructions, the cache of decoded ones, CSRs, traps and floating point.
//!
//! It does not know the history or the devices on the bus.

pub mod bits;
pub mod code;
pub mod csr;
pub mod decode;
pub mod execute;
pub mod float;
pub mod handlers;
pub mod machine_mode;
pub mod state;
pub mod system;
pub mod transformed;
pub mod trap;
