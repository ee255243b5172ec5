//! The command `cargo debug`: errors to words, verdicts to exit codes.

#![warn(clippy::unwrap_used)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().unwrap_or_else(|error| {
        eprintln!("debug: {error:#}");
        cli::COULD_NOT_RUN.into()
    })
}
