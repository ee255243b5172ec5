//! A machine that runs for a person or a runner: its console is read and written here, and its end is its exit status.
//! It does not know what is done with the console.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::process::{Process, readable};
use super::{Error, MachineOptions};
use crate::endpoint::Endpoint;
use crate::guardian::{self, Stub};
use crate::machine::{Address, Machine, Stop};
use crate::remote::Remote;
use rustix::event::Timespec;

/// A machine that runs, or that waits at reset for a debugger. Dropping it ends it; so does the end of this process.
pub struct Foreground {
    process: Process,
    console: Console,
    folder: PathBuf,
    stub: Endpoint,
}

/// What the machine prints. Its clones read the same stream, and each byte is delivered once.
#[derive(Clone)]
pub struct Console {
    stream: Arc<Mutex<BufReader<ChildStdout>>>,
    waiting: Arc<OwnedFd>,
}

impl Console {
    fn new(stream: BufReader<ChildStdout>) -> io::Result<Console> {
        let waiting = Arc::new(stream.get_ref().as_fd().try_clone_to_owned()?);
        Ok(Console { stream: Arc::new(Mutex::new(stream)), waiting })
    }

    /// Waits until the machine prints something, and delivers it; false at its end.
    pub fn read(&self, deliver: &mut dyn FnMut(&[u8])) -> bool {
        let is_buffered = || !self.lock().buffer().is_empty();
        if !is_buffered() {
            readable(&*self.waiting, None);
        }
        self.read_now(deliver).unwrap_or(true)
    }

    /// Delivers all that was printed by now, by whichever clone: for a machine that stands still.
    pub fn drain(&self, deliver: &mut dyn FnMut(&[u8])) {
        while self.read_now(deliver) == Some(true) {}
    }

    /// Delivers what there is, if anything; `Some(false)` at the end. Whoever reads holds the stream until it is delivered.
    fn read_now(&self, deliver: &mut dyn FnMut(&[u8])) -> Option<bool> {
        let mut stream = self.lock();
        if stream.buffer().is_empty() && !readable(&*self.waiting, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            return None;
        }
        let count = match stream.fill_buf() {
            Ok(bytes) => {
                deliver(bytes);
                bytes.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Some(true),
            Err(_) => 0,
        };
        stream.consume(count);
        Some(count > 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BufReader<ChildStdout>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Foreground {
    /// Starts QEMU; returns when the machine runs, or, where it is to wait for a debugger at `stub`, when that can connect.
    ///
    /// # Errors
    /// Where QEMU is missing or ends at once, with what it said; where it is not ready within `limit`.
    pub fn start(machine: &MachineOptions, stub: Option<Stub>, limit: Duration) -> Result<Foreground, Error> {
        let elsewhere = match &stub {
            Some(Stub::At(endpoint)) => Some(endpoint.clone()),
            _ => None,
        };
        let (process, folder, console) = Process::start_foreground(machine, stub, limit)?;
        let stub = elsewhere.unwrap_or_else(|| Endpoint::Unix(folder.join(guardian::STUB)));
        let console = Console::new(console)
            .map_err(|cause| Error::Failed { what: "reading the console", words: cause.to_string() })?;
        Ok(Foreground { process, console, folder, stub })
    }

    /// What the machine prints, to be read while it runs: who does not read makes it wait.
    pub fn console(&self) -> Console {
        self.console.clone()
    }

    /// Lets a machine that waits run to `entry`, and on from there: what it prints before is the firmware's, and delivered to
    /// `firmware`; then `begun` is called, before the kernel's first instruction. False where the machine ends before.
    ///
    /// # Errors
    /// Where it does not come there within `limit`, and where its stub does not answer.
    pub fn run_from(
        &self,
        entry: Address,
        limit: Duration,
        firmware: &mut dyn FnMut(&[u8]),
        begun: &mut dyn FnMut(),
    ) -> Result<bool, crate::machine::Error> {
        let mut remote = Remote::attach(self.stub(), Instant::now() + limit)?;
        remote.rename("qemu");
        remote.insert_breakpoint(entry)?;
        let stop = remote.resume(limit)?;
        self.console.drain(firmware);
        if let Stop::Exited { .. } = stop {
            return Ok(false);
        }
        begun();
        remote.remove_breakpoint(entry)?;
        remote.detach()?;
        Ok(true)
    }

    /// What is written there is typed. None where the machine has ended, and its folder with it: a kernel may take no time.
    ///
    /// # Errors
    /// Where the console cannot be opened.
    pub fn keyboard(&self) -> io::Result<Option<File>> {
        match OpenOptions::new().write(true).open(self.folder.join(guardian::CONSOLE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Where a debugger connects.
    pub fn stub(&self) -> &Endpoint {
        &self.stub
    }

    /// A folder that is removed when the machine ends.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits for the machine's end: QEMU's exit status, 128 and more for signals. What QEMU said is in [`Foreground::words`].
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<u8> {
        self.process.wait()
    }

    /// What QEMU said on its standard error.
    pub fn words(&self) -> String {
        self.process.words()
    }
}
