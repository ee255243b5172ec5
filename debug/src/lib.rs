//! Watches a RISC-V kernel boot: reads its image, drives a machine, judges what happened.
//!
//! It does not print and does not exit: the command `cargo debug` does, in `main.rs`.

pub mod checks;
pub mod image;
pub mod machine;

pub use image::Image;
pub use machine::{Address, Machine};
