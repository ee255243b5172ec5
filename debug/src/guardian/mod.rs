//! Kills QEMU when the front process ends in any way, by two processes between them. It does not know what QEMU runs.
//!
//! ```text
//! front ──lifeline──> keeper ──lifeline──> watcher ──QMP──> QEMU
//!                     └ private folder     └──── one process group ────┘
//! ```
//!
//! The front is the process that must outlive QEMU: `cargo debug check`, or a test. Only it holds the write end of the keeper's
//! standard input, so the operating system closes that pipe when the front ends, even by SIGKILL. The keeper leads its own process
//! group: Ctrl-C, Ctrl-Z and a kill of the front's group do not reach it. It makes the private folder and starts the watcher. At
//! the end it kills the watcher's group and removes the folder. The watcher starts QEMU. It has a similar pipe from the keeper, and
//! kills its own group with QEMU when the pipe closes. So if any of them is killed, the others end too. A killed keeper leaves its
//! folder, which the next keeper removes because its lock is free.
//!
//! Keeper and watcher are this program with a hidden subcommand. They need neither unsafe code nor /proc.

mod folder;
mod keeper;
mod monitor;
mod ward;
mod watcher;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use keeper::{keep, status_of};
pub use monitor::Monitor;
pub use ward::{Ward, enter, spawn_in, ward};
pub use watcher::watch;

use crate::endpoint::{Endpoint, NoEndpoint};

/// The hidden subcommand of keeper and watcher.
pub const SUBCOMMAND: &str = "guardian";
/// The watcher prints this and the private folder when QEMU is ready. Then the machine's console output follows.
pub const READY: &str = "machine in ";
/// The socket of QEMU's stub, in the private folder.
pub const STUB: &str = "gdb";
/// The pipe for input to the machine's console, in the private folder.
pub const CONSOLE: &str = "console";

/// The name of the installed program.
const PROGRAM: &str = "cargo-debug";

/// Where QEMU's stub listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stub {
    /// At [`STUB`] in the private folder.
    Private,
    /// Where others find it. A socket there is removed at the end.
    At(Endpoint),
}

/// The text of [`Stub::Private`].
const PRIVATE: &str = "private";

impl fmt::Display for Stub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stub::Private => formatter.write_str(PRIVATE),
            Stub::At(endpoint) => write!(formatter, "{endpoint}"),
        }
    }
}

impl FromStr for Stub {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Stub, NoEndpoint> {
        if text == PRIVATE { Ok(Stub::Private) } else { text.parse().map(Stub::At) }
    }
}

/// The task of a keeper and its watcher.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// QEMU, a name or a path.
    pub program: OsString,
    /// QEMU's arguments, without those that the watcher adds: its monitor, `-S`, and the stub if there is no `-gdb` among them.
    pub arguments: Vec<OsString>,
    /// Where the machine waits at reset for a debugger; else it runs at once.
    pub stub: Option<Stub>,
    /// The largest file that QEMU may write, in MiB. What goes beyond is lost, and QEMU goes on if SIGXFSZ is ignored.
    pub file_limit_mib: Option<u64>,
}

/// Why the guardian or QEMU cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program `cargo-debug` was not found.
    #[error(
        "the program cargo-debug is neither beside this one nor in PATH, and QEMU is started through it, so that it ends with us; \
         try: cargo install --path debug"
    )]
    NoProgram,

    /// The private folder cannot be made.
    #[error("cannot write to {}: {cause}; try: TMPDIR=FOLDER with another folder", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },

    /// QEMU is not installed.
    #[error("{} is not installed; try: {install}, or QEMU=PROGRAM", program.display(), install = install(program))]
    NoQemu {
        /// The program.
        program: PathBuf,
    },

    /// Another program cannot be run.
    #[error("cannot run {}: {cause}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },

    /// A system call failed.
    #[error("cannot {what}: {cause}")]
    System {
        /// The operation.
        what: &'static str,
        /// The operating system's error.
        cause: io::Error,
    },
}

/// Adds the name of the failed operation to an error of the operating system.
fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |cause| Error::System { what, cause }
}

/// The command that installs QEMU on this operating system.
fn install(program: &Path) -> String {
    if cfg!(target_os = "macos") {
        return "brew install qemu".into();
    }
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "apt install qemu-system-riscv (Debian 13 and later), apt install qemu-system-misc (before), dnf install qemu-system-riscv, \
         pacman -S qemu-system-riscv: the one of these that brings {name}"
    )
}

impl Order {
    /// The keeper's arguments; `extra` comes before QEMU's arguments.
    pub fn to_arguments(&self, extra: &[&OsStr]) -> Vec<OsString> {
        let mut arguments = vec![OsString::from(SUBCOMMAND)];
        if let Some(stub) = &self.stub {
            arguments.extend(["--stub".into(), stub.to_string().into()]);
        }
        if let Some(limit) = self.file_limit_mib {
            arguments.extend(["--file-limit".into(), limit.to_string().into()]);
        }
        arguments.extend(extra.iter().map(|argument| OsString::from(*argument)));
        arguments.push("--".into());
        arguments.push(self.program.clone());
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// The program with the subcommand: this program if it is `cargo-debug`, else the one that cargo built for our tests, else the
/// installed one.
///
/// # Errors
/// [`Error::NoProgram`].
pub fn program() -> Result<PathBuf, Error> {
    // Avoid /proc if there is another way.
    let called = env::args_os().next().map(PathBuf::from).filter(|path| path.components().count() > 1);
    let here = called.and_then(|path| std::path::absolute(path).ok()).or_else(|| env::current_exe().ok());
    if let Some(path) = &here {
        if path.file_stem().is_some_and(|name| name == PROGRAM) && path.is_file() {
            return Ok(path.clone());
        }
        // target/debug/deps/test-0123, target/debug/cargo-debug
        let beside = path.ancestors().skip(1).take(2).map(|folder| folder.join(PROGRAM)).find(|path| path.is_file());
        if let Some(path) = beside {
            return Ok(path);
        }
    }
    find_in_path(PROGRAM).ok_or(Error::NoProgram)
}

/// Finds a program in PATH.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A path in the value of one of QEMU's options, where a comma ends a value and two of them stand for one.
pub fn option_value(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The words of such an option, each with its commas.
pub fn option_words(text: &str) -> Vec<String> {
    text.replace(",,", "\0").split(',').map(|word| word.replace('\0', ",")).collect()
}

/// Quotes a command so that it can be pasted into a shell.
pub fn quoted<Word: AsRef<OsStr>>(command: &[Word]) -> String {
    // No shell takes these for anything else, and QEMU's arguments are full of them.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:=,+@%-".contains(byte);
    let quote = |word: &Word| match shlex::bytes::try_quote(word.as_ref().as_bytes()) {
        _ if !word.as_ref().is_empty() && word.as_ref().as_bytes().iter().all(is_plain) => {
            word.as_ref().to_string_lossy().into_owned()
        }
        Ok(quoted) => String::from_utf8_lossy(&quoted).into_owned(),
        // It fails only for a zero byte, which no command has.
        Err(_) => word.as_ref().to_string_lossy().into_owned(),
    };
    command.iter().map(quote).collect::<Vec<_>>().join(" ")
}
