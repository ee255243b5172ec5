//! `cargo debug guardian`: a hidden command for our own processes. The room guardian does the work.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use debug::guardian::{Order, Stub, enter, keep, ward, watch};

/// Starts QEMU and ends it when standard input ends. For `cargo debug` itself.
#[derive(Args)]
pub struct Arguments {
    /// Where the machine waits for a debugger at reset
    #[arg(long, value_name = "WHERE")]
    stub: Option<Stub>,

    /// The largest file that QEMU may write
    #[arg(long, value_name = "MIB")]
    file_limit: Option<u64>,

    /// Run as the watcher with this private folder, instead of as the keeper
    #[arg(long, value_name = "FOLDER")]
    watch: Option<PathBuf>,

    /// Put in order what the process behind standard input leaves, instead of a machine
    #[arg(long)]
    ward: bool,

    /// With --ward: the settings of the terminal at standard output, as stty writes them
    #[arg(long, value_name = "SETTINGS")]
    terminal: Option<String>,

    /// With --ward: make a private folder, and print its path
    #[arg(long)]
    folder: bool,

    /// Become the program, and end with the ward of this private folder
    #[arg(long, value_name = "FOLDER")]
    enter: Option<PathBuf>,

    /// QEMU and its arguments
    #[arg(last = true, required_unless_present = "ward")]
    command: Vec<OsString>,
}

/// Runs the command. Returns QEMU's exit status.
pub fn run(arguments: Arguments) -> anyhow::Result<u8> {
    if arguments.ward {
        return Ok(ward(arguments.terminal.as_deref(), arguments.folder)?);
    }
    let mut command = arguments.command.into_iter();
    let program = command.next().unwrap_or_default();
    if let Some(folder) = arguments.enter {
        return Err(enter(&folder, &program, &command.collect::<Vec<_>>()).into());
    }
    let (stub, file_limit_mib) = (arguments.stub, arguments.file_limit);
    let order = Order { program, arguments: command.collect(), stub, file_limit_mib };
    Ok(match arguments.watch {
        Some(folder) => watch(&order, &folder)?,
        None => keep(&order)?,
    })
}
