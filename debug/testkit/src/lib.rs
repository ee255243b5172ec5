//! What debug's tests, benches and fuzz targets share. It does not know what they test.

pub mod elf;
pub mod fuzz;
mod gdb;
pub mod kernels;
pub mod liar;
pub mod processes;
pub mod programs;

pub use gdb::gdb;
