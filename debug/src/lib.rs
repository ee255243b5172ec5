//! Watches a RISC-V kernel boot: reads its image, drives a machine, judges what happened.
//!
//! It does not print and does not exit: the command `cargo debug` does, in `main.rs`.

#![warn(clippy::unwrap_used)]

pub mod cause;
pub mod checks;
pub mod image;
pub mod instruction;
pub mod machine;
pub mod qemu;
pub mod remote;
pub mod report;
pub mod rsp;

pub use image::Image;
pub use machine::{Address, Machine};
pub use qemu::Qemu;
pub use remote::Remote;
