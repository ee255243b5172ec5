//! QEMU: started on a private Unix socket, and ended with us. It does not know what is looked for.

mod foreground;
mod options;
mod process;
mod project;
mod replay;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::guardian;
use crate::machine::{self, Address};
use crate::remote::{Console, Remote};
use crate::rsp;
use crate::setting::Setting;
use process::{Process, Tail};

pub use foreground::{Console as ForegroundConsole, Foreground};
pub use options::{Bios, MachineOptions};
pub use process::{build_kernel, is_installed};
pub use project::{has_our_project, is_our_project};
pub use replay::Replay;

/// A QEMU `virt` machine with a kernel loaded; it starts at reset.
///
/// It dereferences to a [`Remote`], which is a [`crate::Machine`]. QEMU ends when this is dropped, and when this process ends in
/// any way.
///
/// ```no_run
/// use debug::{Address, Image, Machine, Qemu};
/// use std::{path::Path, time::Duration};
///
/// let kernel = Path::new("hypervisor.elf");
/// let image = Image::open(kernel)?;
/// let boot = image.require("boot")?.address;
/// let stack_top = image.require("__stack_top")?.address;
///
/// let second = Duration::from_secs(1);
/// let mut qemu = Qemu::start(kernel, 10 * second)?;
/// qemu.insert_breakpoint(boot)?;
/// qemu.resume(second)?;
/// qemu.step(2, second)?; // la sp, __stack_top
/// assert_eq!(Address(qemu.registers()?.x[2]), stack_top);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Qemu {
    remote: Remote,
    process: Arc<Mutex<Process>>,
}

/// Why QEMU does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This project's folder was not found.
    #[error(
        "this project's folder, whose run.sh builds the kernel and starts QEMU, is neither around this program nor around the \
         current folder; try: run this in a checkout, or set {variable} to one"
    )]
    NoProject {
        /// The name of the environment variable.
        variable: &'static str,
    },

    /// The folder in the environment is not this project.
    #[error(
        "{variable} is {}, which does not contain this project's run.sh, hypervisor.ld and debug; try: set it to a checkout, or unset it",
        folder.display()
    )]
    NotTheProject {
        /// The name of the environment variable.
        variable: &'static str,
        /// The folder.
        folder: PathBuf,
    },

    /// The guardian cannot be started.
    #[error("cannot run {}, which starts QEMU: {cause}", program.display())]
    Guardian {
        /// The program.
        program: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },

    /// An error of the guardian.
    #[error(transparent)]
    NoGuardian(#[from] guardian::Error),

    /// run.sh cannot be started.
    #[error("cannot run {}: {cause}", script.display())]
    Script {
        /// The path of run.sh.
        script: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },

    /// The command that failed, and the messages of run.sh or QEMU.
    #[error("{what} failed{}", said(words))]
    Failed {
        /// The command.
        what: &'static str,
        /// The messages of run.sh or QEMU.
        words: String,
    },

    /// QEMU, or one of the processes that guard it, was ended by a signal while QEMU started.
    #[error("QEMU was killed while it started{}", said(words))]
    Killed {
        /// The messages of QEMU.
        words: String,
    },

    /// QEMU did not listen in time.
    #[error("QEMU did not listen within {} ms{}", after.as_millis(), said(words))]
    Silent {
        /// The time waited.
        after: Duration,
        /// The messages of run.sh or QEMU.
        words: String,
    },

    /// QEMU is the one for 64-bit harts.
    #[error(
        "{} is QEMU for 64-bit harts, and the kernel is for 32-bit RISC-V; try: QEMU=qemu-system-riscv32, or QEMU unset",
        program.display()
    )]
    TooWide {
        /// QEMU, a name or a path.
        program: PathBuf,
    },

    /// QEMU has no firmware for this machine.
    #[error(
        "{} has no 32-bit firmware, {firmware}: Debian has it since 13 (package opensbi), and QEMU's own builds have it; \
         try: {}, {} for a kernel that starts in M-mode, another firmware, or QEMU=PATH of another QEMU",
        program.display(),
        Setting::Embedded,
        Setting::NoFirmware
    )]
    NoFirmware {
        /// QEMU, a name or a path.
        program: PathBuf,
        /// The file's name.
        firmware: &'static str,
    },

    /// A boot of several harts was to be recorded.
    #[error(
        "QEMU records machines with one hart, and this one has {harts}; try: {}, or {}",
        Setting::OneHart,
        Setting::Embedded
    )]
    SeveralHarts {
        /// How many harts.
        harts: u32,
    },

    /// qemu-img, which makes a file for snapshots, is not installed.
    #[error("qemu-img is not installed; try: apt install qemu-utils, dnf install qemu-img, or brew install qemu")]
    NoImageTool,

    /// The file for snapshots cannot be made.
    #[error("cannot write {}: {words}; try: TMPDIR=FOLDER with another folder", path.display())]
    NoSnapshots {
        /// The file.
        path: PathBuf,
        /// The messages of qemu-img.
        words: String,
    },

    /// A boot that was to be recorded did not come to the kernel's entry.
    #[error(
        "QEMU did not reach the kernel's entry, {entry}, within {} seconds, so nothing was recorded; is the kernel's first address \
         where the firmware jumps? is this computer busy?",
        after.as_secs()
    )]
    NoEntry {
        /// The entry.
        entry: Address,
        /// The time waited.
        after: Duration,
    },

    /// A replay did not come to the kernel's entry.
    #[error(
        "QEMU's replay did not reach the kernel's entry, {entry}, and take a snapshot there within {} seconds; is this computer busy?",
        after.as_secs()
    )]
    NoOrigin {
        /// The entry.
        entry: Address,
        /// The time waited.
        after: Duration,
    },

    /// QEMU ended while a replay was prepared.
    #[error(
        "QEMU ended while it took its replay to the kernel's entry, so GDB cannot go back in it; QEMU 11.1 does so \
         (an assertion in bdrv_snapshot_delete); try: {}, which needs no recording, or QEMU=PATH of another version",
        Setting::Embedded
    )]
    ReplayEnded,

    /// An error of QEMU's stub.
    #[error(transparent)]
    Stub(#[from] rsp::Error),

    /// An error of the machine behind QEMU's stub.
    #[error(transparent)]
    Machine(#[from] machine::Error),
}

fn said(words: &str) -> String {
    match words.trim() {
        "" => String::new(),
        words => format!("; it said:\n{words}"),
    }
}

impl Qemu {
    /// Starts QEMU with `kernel` loaded and the hart at reset. `limit` is the time limit for each wait, also on the machine.
    ///
    /// # Errors
    /// If QEMU is missing or ends at once, with its messages; if it does not listen in time.
    pub fn start(kernel: &Path, limit: Duration) -> Result<Qemu, Error> {
        Qemu::start_with_harts(kernel, 1, limit)
    }

    /// Like [`Qemu::start`], with `harts` harts (1 to 512).
    ///
    /// # Errors
    /// Those of [`Qemu::start`].
    pub fn start_with_harts(kernel: &Path, harts: u32, limit: Duration) -> Result<Qemu, Error> {
        Qemu::start_machine(
            &MachineOptions { smp: harts, kernel: Some(kernel.into()), ..MachineOptions::default() },
            limit,
        )
    }

    /// Like [`Qemu::start`], with this CPU model (see `$QEMU -cpu help`) and its properties: `rv64,zbb=off`.
    ///
    /// # Errors
    /// Those of [`Qemu::start`]; if QEMU does not know the model or a property.
    pub fn start_with_cpu(kernel: &Path, cpu: &str, limit: Duration) -> Result<Qemu, Error> {
        let machine = MachineOptions { cpu: cpu.into(), kernel: Some(kernel.into()), ..MachineOptions::default() };
        Qemu::start_machine(&machine, limit)
    }

    /// As [`Qemu::start`], with a machine of any kind.
    ///
    /// # Errors
    /// As [`Qemu::start`]; where QEMU does not take the options, with what it said.
    pub fn start_machine(machine: &MachineOptions, limit: Duration) -> Result<Qemu, Error> {
        let deadline = Instant::now() + limit;
        let mut machine = machine.clone();
        // What it left is looked at. QEMU 7.2 ends all the same.
        machine.extra.extend(["-action", "shutdown=pause"].map(Into::into));
        let (process, folder) = Process::start(&machine, limit)?;
        let mut remote = Remote::attach(&Endpoint::Unix(folder.join(guardian::STUB)), deadline)?;
        remote.rename("qemu");
        remote.answers_host_calls(machine.has_semihosting());
        let process = Arc::new(Mutex::new(process));
        let own = Arc::clone(&process);
        remote.ask_when_gone(move || lock(&own).end_of_the_machine());
        let tail = lock(&process).tail();
        remote.show_console(Box::new(SerialConsole { tail, input: folder.join(guardian::CONSOLE) }));
        // The guardian removes it, however we end.
        remote.trace_through(folder);
        Ok(Qemu { remote, process })
    }

    /// The machine, for those who take any [`crate::Machine`].
    pub fn machine(&mut self) -> &mut Remote {
        &mut self.remote
    }

    /// The latest console output, at most 1 MiB, including the firmware's.
    pub fn console(&self) -> String {
        lock(&self.process).console()
    }

    /// The latest output of QEMU to standard error, at most 1 MiB.
    pub fn words(&self) -> String {
        lock(&self.process).words()
    }

    /// The process id of the keeper, which QEMU and its watcher descend from.
    pub fn guardian(&self) -> u32 {
        lock(&self.process).id()
    }
}

/// QEMU's serial port: its standard output, and the pipe that the guardian gives it for an input.
struct SerialConsole {
    tail: Tail,
    input: PathBuf,
}

impl Console for SerialConsole {
    fn begin(&mut self) {
        self.tail.begin();
    }

    fn printed(&mut self) -> Vec<u8> {
        self.tail.since_begin()
    }

    fn type_in(&mut self, bytes: &[u8]) -> io::Result<()> {
        /// Ctrl-A is QEMU's escape character. Sent twice, it reaches the kernel.
        const ESCAPE: u8 = 1;
        let typed: Vec<u8> =
            bytes.iter().flat_map(|byte| [*byte; 2].into_iter().take(1 + usize::from(*byte == ESCAPE))).collect();
        OpenOptions::new().write(true).open(&self.input)?.write_all(&typed)
    }
}

fn lock(process: &Mutex<Process>) -> MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Ask QEMU to quit, so that it removes its socket. If this fails, the end of the lifeline ends QEMU.
        let _ = self.remote.kill();
    }
}

impl Deref for Qemu {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl DerefMut for Qemu {
    fn deref_mut(&mut self) -> &mut Remote {
        &mut self.remote
    }
}
