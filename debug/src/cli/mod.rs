//! The command line: arguments in, exit code out. Each command has a file in `cli/`.

mod check;
mod guardian;
mod harsh;
mod kernel;
mod machine_arg;
mod serve;
mod terminal;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

/// Exit status: every check holds.
const HELD: u8 = 0;
/// Exit status: a check failed.
const FAILED: u8 = 1;
/// Exit status: no verdict; standard error says why and what to try.
pub const COULD_NOT_RUN: u8 = 2;

/// Watches a RISC-V kernel boot, and says whether the boot is right.
#[derive(Parser)]
#[command(name = "cargo debug", bin_name = "cargo debug", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(Box<check::Arguments>),
    Serve(Box<serve::Arguments>),
    #[command(hide = true)]
    Guardian(guardian::Arguments),
}

/// Runs the command; its exit code is [`HELD`] or [`FAILED`].
pub fn run() -> anyhow::Result<ExitCode> {
    let arguments = match Arguments::try_parse_from(words()) {
        Ok(arguments) => arguments,
        Err(instead) => return tell(&instead),
    };
    let held = match arguments.command {
        Command::Check(arguments) => check::run(*arguments)?,
        Command::Serve(arguments) => serve::run(*arguments)?,
        Command::Guardian(arguments) => return Ok(guardian::run(arguments)?.into()),
    };
    Ok(if held { HELD } else { FAILED }.into())
}

/// The words of the command line. Cargo runs `cargo-debug debug check` for `cargo debug check`.
fn words() -> impl Iterator<Item = OsString> {
    let mut words = std::env::args_os().peekable();
    let program = words.next();
    let _ = words.next_if(|word| word == "debug");
    program.into_iter().chain(words)
}

/// Prints help and version to standard output, and errors in the arguments to standard error.
fn tell(instead: &clap::Error) -> anyhow::Result<ExitCode> {
    let told = instead.print().and_then(|()| io::stdout().flush());
    match instead.use_stderr() {
        // If it cannot be printed, the exit status tells.
        true => Ok(COULD_NOT_RUN.into()),
        false => told.map(|()| HELD.into()).context("cannot write to standard output"),
    }
}
