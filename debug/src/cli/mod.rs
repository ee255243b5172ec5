//! The command line: arguments in, exit code out. Each command has a file in `cli/`.

mod ask;
mod build;
mod check;
mod config;
mod devices;
mod documents;
mod find_gdb;
mod gdb;
mod guardian;
mod harsh;
mod init;
mod kernel;
mod listen;
mod machine_arg;
mod narration;
mod page;
mod places;
mod printer;
mod profile;
mod qemu_arguments;
mod recording;
mod reverse;
mod run;
mod schedules;
mod serve;
mod spelling;
mod terminal;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::ColorChoice;
use anyhow::Context;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use config::Config;
use debug::setting::Setting;

/// How long QEMU may take to be ready.
const START: Duration = Duration::from_secs(60);
/// Exit status: every check holds.
const HELD: u8 = 0;
/// Exit status: a check failed.
const FAILED: u8 = 1;
/// Exit status: no verdict; standard error says why and what to try.
pub const COULD_NOT_RUN: u8 = 2;

/// Watches a RISC-V kernel boot, and says whether it booted right.
///
/// A project's options stand in its debug.toml: `cargo debug init` writes one.
#[derive(Parser)]
#[command(name = "cargo debug", bin_name = "cargo debug", version, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    global: GlobalArguments,

    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct GlobalArguments {
    /// Shows every command that is run, such that it can be pasted
    #[arg(short, long, global = true)]
    verbose: bool,

    /// Where options are read [default: debug.toml, or Cargo.toml's package.metadata.debug, of the nearest folder upwards; none:
    /// nowhere]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    Check(Box<check::Arguments>),
    Run(Box<run::Arguments>),
    Gdb(Box<gdb::Arguments>),
    Serve(Box<serve::Arguments>),
    Ask(Box<ask::Arguments>),
    Profile(Box<profile::Arguments>),
    Init(init::Arguments),
    Completions(documents::CompletionsArguments),
    Man(documents::ManArguments),
    #[command(hide = true)]
    Guardian(guardian::Arguments),
}

/// Runs the command; its exit code is [`HELD`] or [`FAILED`].
pub fn run() -> anyhow::Result<ExitCode> {
    Setting::name_by(spelling::option);
    if narration::is_dumb() {
        // A CI service that gives its commands such a terminal would get colours otherwise: anstream takes `CI` for a promise of them.
        ColorChoice::Never.write_global();
    }
    let words: Vec<OsString> = words().collect();
    let matches = match Arguments::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(instead) => return tell(&instead),
    };
    let arguments = match Arguments::from_arg_matches(&with_config(matches, words)?) {
        Ok(arguments) => arguments,
        Err(instead) => return tell(&instead),
    };
    if arguments.global.verbose {
        narration::be_verbose();
    }
    let held = |held| if held { HELD } else { FAILED };
    let status = match arguments.command {
        Command::Check(arguments) => held(check::run(*arguments)?),
        Command::Run(arguments) => run::run(*arguments)?,
        Command::Gdb(arguments) => gdb::run(&arguments)?,
        Command::Serve(arguments) => serve::run(*arguments)?,
        Command::Ask(arguments) => held(ask::run(&arguments)?),
        Command::Profile(arguments) => held(profile::run(&arguments).map(|()| true)?),
        Command::Init(arguments) => held(init::run(&arguments)?),
        Command::Completions(arguments) => {
            held(documents::completions(&arguments, &Arguments::command()).map(|()| true)?)
        }
        Command::Man(_) => held(documents::man(&Arguments::command()).map(|()| true)?),
        Command::Guardian(arguments) => guardian::run(arguments)?,
    };
    Ok(status.into())
}

/// The words of the command line. Cargo runs `cargo-debug debug check` for `cargo debug check`.
fn words() -> impl Iterator<Item = OsString> {
    let mut words = std::env::args_os().peekable();
    let program = words.next();
    let _ = words.next_if(|word| word == "debug");
    program.into_iter().chain(words)
}

/// The options that were typed, and those of the project.
fn with_config(matches: ArgMatches, mut words: Vec<OsString>) -> anyhow::Result<ArgMatches> {
    let command = Arguments::command();
    let Some((name, typed)) = matches.subcommand() else { return Ok(matches) };
    let takes_options =
        command.find_subcommand(name).filter(|command| command.get_arguments().any(|a| a.get_id() == "kernel"));
    let Some(subcommand) = takes_options else { return Ok(matches) };
    // A recording has the kernel and its options.
    if typed.try_contains_id("replay").unwrap_or(false) {
        return Ok(matches);
    }
    let Some(config) = find_config(typed)? else { return Ok(matches) };
    let options = config.arguments(subcommand, typed)?;
    let place = words.iter().position(|word| word == name).map_or(words.len(), |place| place + 1);
    words.splice(place..place, options);
    command.try_get_matches_from(words).map_err(|error| {
        let error = error.render().to_string();
        anyhow::anyhow!("{}: {}", config.file.display(), error.trim_start_matches("error: ").trim_end())
    })
}

fn find_config(typed: &ArgMatches) -> anyhow::Result<Option<Config>> {
    match typed.get_one::<PathBuf>("config") {
        Some(file) if file == Path::new("none") => Ok(None),
        Some(file) => Config::open(file).map(Some),
        // Who has no folder has no project.
        None => std::env::current_dir().map_or(Ok(None), |here| Config::find(&here)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_a_configuration_is_an_option() {
        let command = Arguments::command();
        let check = command.find_subcommand("check").expect("it is a command");
        let has_option = |option: &str| check.get_arguments().any(|argument| argument.get_long() == Some(option));
        let missing: Vec<_> = config::keys::KEYS.iter().filter(|key| !has_option(key.option)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
