//! What ends QEMU when we end, however that comes: two processes between us and it. It does not know what QEMU is started for.
//!
//! ```text
//! front ──lifeline──> keeper ──lifeline──> watcher ──QMP──> QEMU
//!                     └ private folder     └──── one process group ────┘
//! ```
//!
//! The front is whose life counts: `cargo debug check`, a test. It alone holds the write end of the keeper's standard input, so the
//! operating system closes it when the front ends, also by SIGKILL. The keeper leads a process group of its own, where no
//! Ctrl-C, no Ctrl-Z and no kill of the front's group comes. It makes the private folder, starts the watcher, and in the end kills the watcher's
//! group and removes the folder. The watcher starts QEMU; it has such a pipe from the keeper, and kills its own group with QEMU in it
//! when that ends. So each may be killed alone, and the rest ends. A keeper that is killed leaves its folder, which the next
//! keeper removes, as nobody holds its lock any more.
//!
//! All three are one program, this one, under a hidden subcommand. No system call of theirs is unsafe, and nothing reads /proc.

mod folder;
mod keeper;
mod monitor;
mod watcher;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use keeper::keep;
pub use watcher::watch;

/// The hidden subcommand that is one of the two.
pub const SUBCOMMAND: &str = "guardian";
/// What the watcher prints once QEMU is ready, with its private folder behind it. What follows is the machine's console.
pub const READY: &str = "machine in ";
/// In the private folder: the socket where QEMU's stub listens.
pub const STUB: &str = "gdb";
/// In the private folder: a pipe; what is written there is typed on the machine's console.
pub const CONSOLE: &str = "console";

/// What the program is called where it was installed.
const PROGRAM: &str = "cargo-debug";

/// What a keeper and its watcher are to do.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// QEMU, a name or a path.
    pub program: OsString,
    /// QEMU's arguments, but for those that the watcher adds: its monitor, `-S`, the stub.
    pub arguments: Vec<OsString>,
    /// Whether the machine waits at reset for a debugger that connects to [`STUB`], or runs at once.
    pub stub: bool,
}

/// Why there is no guardian, or no QEMU under it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the program cargo-debug is neither beside this one nor in PATH, and QEMU is started through it, so that it ends with us; \
         try: cargo install --path debug"
    )]
    NoProgram,

    #[error("cannot write to {}: {cause}; try: TMPDIR=FOLDER, another one", folder.display())]
    Folder { folder: PathBuf, cause: io::Error },

    #[error("{} is not installed; try: {install}, or QEMU=PROGRAM", program.display(), install = install(program))]
    NoQemu { program: PathBuf },

    #[error("cannot {what}: {cause}")]
    System { what: &'static str, cause: io::Error },
}

/// Names what was asked of the operating system.
fn system(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |cause| Error::System { what, cause }
}

/// How QEMU comes onto a computer, by what its operating system calls the package.
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
    /// The command line of a keeper for it, behind the program's name; `extra` stands before what is QEMU's.
    pub fn to_arguments(&self, extra: &[&OsStr]) -> Vec<OsString> {
        let mut arguments = vec![OsString::from(SUBCOMMAND)];
        if self.stub {
            arguments.push("--stub".into());
        }
        arguments.extend(extra.iter().map(|argument| OsString::from(*argument)));
        arguments.push("--".into());
        arguments.push(self.program.clone());
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// The program that has the subcommand: this one, where it is `cargo-debug`; else the one that cargo built for our tests; else
/// the one that is installed.
///
/// # Errors
/// [`Error::NoProgram`].
pub fn program() -> Result<PathBuf, Error> {
    // Not by /proc, where there is another way.
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

/// The file of that name in the first folder of PATH that has one.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A command such that it can be pasted into a shell.
pub fn quoted<Word: AsRef<OsStr>>(command: &[Word]) -> String {
    let quote = |word: &Word| match shlex::bytes::try_quote(word.as_ref().as_bytes()) {
        Ok(quoted) => String::from_utf8_lossy(&quoted).into_owned(),
        // A zero byte, which no command has.
        Err(_) => word.as_ref().to_string_lossy().into_owned(),
    };
    command.iter().map(quote).collect::<Vec<_>>().join(" ")
}
