//! The command by its former name: it becomes `cargo-debug`, which stands beside it.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let failed = match std::env::current_exe() {
        Ok(path) => Command::new(path.with_file_name("cargo-debug")).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    };
    eprintln!("debug: cannot become cargo-debug: {failed}");
    ExitCode::from(2)
}
