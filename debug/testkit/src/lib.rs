//! What debug's tests, benches and fuzz targets share. It does not know what they test.

pub mod elf;
pub mod fuzz;
mod gdb;
pub mod kernels;
pub mod kills;
pub mod liar;
pub mod processes;
pub mod programs;

use std::fs::OpenOptions;
use std::io::Write;

pub use gdb::{gdb, in_older_words};

/// Says that this computer does not allow a part of a test, past the capture of what passing tests print. `run.sh --test` names a file,
/// and repeats it at its end; .ci/run fails then.
///
/// # Panics
/// If the file cannot be written.
pub fn not_tried(what: &str) {
    let line = format!("not tried: {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = std::env::var_os("NOT_TRIED") {
        let file = OpenOptions::new().create(true).append(true).open(file);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("run.sh's file can be written");
    }
}
