//! The command `cargo debug`: errors to words, verdicts to exit codes.

#![warn(clippy::unwrap_used)]

mod cli;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().unwrap_or_else(|error| {
        // If that cannot be printed either, the exit status tells.
        let _ = writeln!(std::io::stderr(), "debug: {error:#}");
        cli::COULD_NOT_RUN.into()
    })
}
