//! What the fuzz targets do with hostile bytes: a file each, `survive` in each. It does not know where the bytes come from.
//!
//! debug/fuzz gives them libFuzzer's bytes, debug/tests/fuzz.rs other bytes with every run of the tests.

pub mod client;
pub mod code;
pub mod elf;
pub mod recording;

mod past;
mod template;
