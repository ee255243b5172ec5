//! What the fuzz targets do with hostile bytes: a file each, `survive` in each. It does not know where the bytes come from.
//!
//! debug/tests/fuzz.rs is built from the same files, and gives them other bytes with every run of the tests.

pub mod client;
pub mod code;
pub mod elf;

#[path = "../../tests/embedded/elf.rs"]
mod kernel;
mod past;
mod template;
