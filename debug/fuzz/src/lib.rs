//! What the fuzz targets do with hostile bytes, which debug's tests do as well.

pub use testkit::fuzz::{client, code, elf, recording};
