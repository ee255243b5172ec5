//! The client side of GDB's remote serial protocol: frames, connection, commands, replies.
//!
//! It knows neither RISC-V nor QEMU: registers are numbers, memory is bytes, and the stub is a name in errors.
//! Source: the GDB manual, appendix "GDB Remote Serial Protocol".

mod client;
mod commands;
mod connection;
mod error;
mod features;
mod frame;
mod relay;
mod stop;

pub use client::Client;
pub use commands::{Addresses, WatchKind};
pub use error::Error;
pub use features::{Description, FeatureRegister};
pub use relay::relay;
pub use stop::{StopReply, Thread};
