//! The client side of GDB's remote serial protocol: frames, connection, commands, replies.
//!
//! It knows neither RISC-V nor QEMU: registers are numbers, memory is bytes, and who answers is a name for errors.
//! Source: the GDB manual, appendix "GDB Remote Serial Protocol".

mod breakpoints;
mod client;
mod connection;
mod error;
mod features;
mod frame;
mod hex;
mod memory;
mod registers;
mod stop;

pub use breakpoints::WatchKind;
pub use client::Client;
pub use error::Error;
pub use features::{Description, FeatureRegister};
pub use stop::StopReply;
