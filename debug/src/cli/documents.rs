//! `cargo debug completions SHELL` and `cargo debug man`: what a shell and man know of the commands. They are made of the
//! options themselves.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

/// What a program is called that cargo runs for `cargo debug`.
const PROGRAM: &str = "cargo-debug";

/// Prints a completion script: for bash, to be put into /etc/bash_completion.d or sourced.
///
/// It completes `cargo-debug`, which is the same as `cargo debug`.
#[derive(Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page in man's format: cargo debug man | man -l -
#[derive(Args)]
pub struct ManArguments {}

pub fn completions(arguments: &CompletionsArguments, command: &Command) -> anyhow::Result<()> {
    let mut command = visible(command);
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, PROGRAM, &mut script);
    print(&script)
}

/// One page: the command, then each of its commands.
pub fn man(command: &Command) -> anyhow::Result<()> {
    let mut page = Vec::new();
    let mut command = visible(command);
    command.build();
    Man::new(command.clone()).title("CARGO-DEBUG").render(&mut page).context("cannot write the page")?;
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        if name == "help" {
            continue;
        }
        writeln!(page, ".SH CARGO DEBUG {}", name.to_uppercase()).context("cannot write the page")?;
        let man = Man::new(subcommand.clone());
        man.render_description_section(&mut page).context("cannot write the page")?;
        man.render_synopsis_section(&mut page).context("cannot write the page")?;
        man.render_options_section(&mut page).context("cannot write the page")?;
    }
    print(&page)
}

/// Without what is hidden.
fn visible(command: &Command) -> Command {
    let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).cloned();
    let about = command.get_about().cloned().unwrap_or_default();
    Command::new(PROGRAM)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments().cloned())
        .subcommands(subcommands)
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("cannot write to standard output")
}
