//! The process behind [`super::Qemu`]: the guardian and its QEMU. It keeps their output and makes sure that they end.
//!
//! The lifeline is the guardian's standard input: a pipe whose other end only this process holds. When this process ends in any
//! way, the operating system closes the pipe, and the guardian ends QEMU. It does not know the remote protocol.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::options::PROGRAM;
use super::{Error, MachineOptions, project};
use crate::guardian::{self, Order, Stub};
use crate::machine::KEPT_OUTPUT;

/// How long output may stay in the pipe. QEMU writes it byte by byte, and a wake-up for each byte costs QEMU and us more than the
/// byte does. A caller that asks for the console gets everything that is there by then.
const CONSOLE_PAUSE: Duration = Duration::from_millis(2);
/// The time limit for QEMU to end.
const END_PATIENCE: Duration = Duration::from_secs(5);

pub struct Process {
    child: Child,
    lifeline: Option<ChildStdin>,
    console: Tail,
    words: Tail,
    /// Receives the guardian's folder when QEMU is ready. It is disconnected when every process has closed standard output.
    output: Receiver<PathBuf>,
}

/// Whether QEMU is installed. If `$QEMU` is set, the answer is yes even if it is missing: then starting it reports the error.
pub fn is_installed() -> bool {
    std::env::var_os("QEMU").is_some_and(|name| !name.is_empty()) || guardian::find_in_path(PROGRAM).is_some()
}

/// Builds this project's kernel, and returns the path of its ELF, hypervisor.elf. The compiler's messages go to standard error:
/// a warning may tell that the clear is never called.
///
/// # Errors
/// [`Error::Failed`] if the build fails.
pub fn build_kernel() -> Result<PathBuf, Error> {
    let script = project::folder()?.join("run.sh");
    let run = Command::new(&script).arg("--build").stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = run.map_err(|cause| Error::Script { script: script.clone(), cause })?;
    if !status.success() {
        return Err(Error::Failed { what: "run.sh's build of the kernel", words: "see above".into() });
    }
    Ok(script.with_file_name("hypervisor.elf"))
}

/// The console of a machine, behind the line that says that it is ready.
type Stream = BufReader<ChildStdout>;

impl Process {
    /// Starts QEMU with its hart at reset, and waits until it is ready; the second is the guardian's private folder.
    pub fn start(machine: &MachineOptions, limit: Duration) -> Result<(Process, PathBuf), Error> {
        let (mut child, words) = spawn(machine, Some(Stub::Private))?;
        let (ready, output) = mpsc::channel();
        let console = Tail::default();
        let (stdout, tail) = (child.stdout.take(), console.clone());
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout.expect("stdout is piped"));
            await_line(&mut stdout, &tail).map(|folder| ready.send(folder));
            tail.push(stdout.buffer());
            tail.follow(stdout.into_inner());
            drop(ready);
        });
        let lifeline = child.stdin.take();
        let process = Process { child, lifeline, console, words, output };
        match process.output.recv_timeout(limit) {
            Ok(folder) => Ok((process, folder)),
            Err(error) => Err(process.not_ready(error, limit)),
        }
    }

    /// As [`Process::start`], of a machine that runs, or waits for a debugger at `stub`, with its console.
    pub fn start_foreground(
        machine: &MachineOptions,
        stub: Option<Stub>,
        limit: Duration,
    ) -> Result<(Process, PathBuf, Stream), Error> {
        let (mut child, words) = spawn(machine, stub)?;
        let (ready, begun) = mpsc::channel();
        let (stdout, tail) = (child.stdout.take(), Tail::default());
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout.expect("stdout is piped"));
            if let Some(folder) = await_line(&mut stdout, &tail) {
                let _ = ready.send((folder, stdout));
            }
        });
        let lifeline = child.stdin.take();
        // Nobody waits for the console's end here but who reads it.
        let process = Process { child, lifeline, console: Tail::default(), words, output: mpsc::channel().1 };
        match begun.recv_timeout(limit) {
            Ok((folder, console)) => Ok((process, folder, console)),
            Err(error) => Err(process.not_ready(error, limit)),
        }
    }

    fn not_ready(mut self, error: RecvTimeoutError, limit: Duration) -> Error {
        match error {
            RecvTimeoutError::Timeout => Error::Silent { after: limit, words: self.words() },
            RecvTimeoutError::Disconnected => {
                // It has ended, or is about to: what it says last is the reason.
                drop(self.lifeline.take());
                let status = self.child.wait();
                self.words.await_end();
                let words = self.words();
                match status.map(guardian::status_of) {
                    Ok(1..128) => Error::Failed { what: "starting QEMU", words },
                    // 0 is QEMU's status after SIGTERM.
                    _ => Error::Killed { words },
                }
            }
        }
    }

    /// Waits for the end, by itself: the exit status.
    pub fn wait(&mut self) -> io::Result<u8> {
        let status = self.child.wait()?;
        self.words.await_end();
        Ok(guardian::status_of(status))
    }

    /// The exit status of a QEMU that ends within `limit`.
    pub fn end_within(&mut self, limit: Duration) -> Option<u8> {
        // Its output ends when QEMU, the guardian and the keeper have ended.
        let Err(RecvTimeoutError::Disconnected) = self.output.recv_timeout(limit) else { return None };
        self.wait().ok()
    }

    /// The exit status of a QEMU that has ended, or is about to, because of the kernel; `None` for any other end.
    pub fn end_of_the_machine(&mut self) -> Option<u8> {
        // Its output ends when QEMU, the guardian and the keeper have ended.
        let Err(RecvTimeoutError::Disconnected) = self.output.recv_timeout(END_PATIENCE) else { return None };
        let status = u8::try_from(self.child.wait().ok()?.code()?).ok()?;
        // 129 and above mean a signal. If QEMU gives up, it prints a reason.
        let is_reason = |line: &str| !line.starts_with("+ ") && !line.contains(": warning: ");
        let gave_up = status != 0 && self.words().lines().any(is_reason);
        (status <= 128 && !gave_up).then_some(status)
    }

    pub fn console(&self) -> String {
        self.console.text()
    }

    /// The console output, to follow it.
    pub fn tail(&self) -> Tail {
        self.console.clone()
    }

    pub fn words(&self) -> String {
        self.words.text()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // Its output ends when QEMU, the guardian and the keeper have ended.
        if let Err(RecvTimeoutError::Timeout) = self.output.recv_timeout(END_PATIENCE) {
            let _ = self.child.kill();
        }
        // The keeper ends all, in seconds.
        let _ = self.child.wait();
    }
}

/// The guardian for a machine, and what will be said on its standard error.
fn spawn(machine: &MachineOptions, stub: Option<Stub>) -> Result<(Child, Tail), Error> {
    let order = Order {
        program: machine.program.clone(),
        arguments: machine.arguments(),
        stub,
        file_limit_mib: machine.file_limit_mib,
    };
    if machine.is_too_wide() {
        return Err(Error::TooWide { program: machine.program.clone().into() });
    }
    if let Some(firmware) = machine.missing_firmware() {
        return Err(Error::NoFirmware { program: machine.program.clone().into(), firmware });
    }
    let program = guardian::program()?;
    let mut child = Command::new(&program)
        .args(order.to_arguments(&[]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|cause| Error::Guardian { program, cause })?;
    let words = Tail::default();
    let (tail, stderr) = (words.clone(), child.stderr.take());
    thread::spawn(move || tail.fill_from(stderr.expect("stderr is piped")));
    Ok((child, words))
}

/// Reads up to the line that says that QEMU is ready: its folder; nothing where the stream ends before.
fn await_line(stdout: &mut impl BufRead, tail: &Tail) -> Option<PathBuf> {
    let mut line = Vec::new();
    while stdout.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if let Some(folder) = line.strip_prefix(guardian::READY.as_bytes()) {
            // A path is any bytes.
            return Some(OsStr::from_bytes(folder.strip_suffix(b"\n").unwrap_or(folder)).into());
        }
        tail.push(&line);
        line.clear();
    }
    None
}

/// The last part of an output, with its stream.
#[derive(Clone, Default)]
pub struct Tail(Arc<(Mutex<Output>, Condvar)>);

#[derive(Default)]
struct Output {
    latest: VecDeque<u8>,
    /// The number of bytes in all, and before the kernel started.
    total: u64,
    begin: u64,
    stream: Option<ChildStdout>,
    /// Nothing more comes.
    ended: bool,
}

impl Output {
    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.latest.extend(bytes);
        let excess = self.latest.len().saturating_sub(KEPT_OUTPUT);
        self.latest.drain(..excess);
    }

    /// Reads what is available now. Returns false at the end of the stream.
    fn drain(&mut self) -> bool {
        let mut bytes = [0; 4096];
        loop {
            let Some(stream) = &mut self.stream else { return false };
            if !readable(stream, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                return true;
            }
            match stream.read(&mut bytes) {
                Ok(count @ 1..) => self.push(&bytes[..count]),
                _ => self.stream = None,
            }
        }
    }
}

/// Whether there is something to read, or the end; waits for that as long as is said.
pub fn readable(stream: &impl AsFd, limit: Option<&Timespec>) -> bool {
    let mut waited = [PollFd::new(stream, PollFlags::IN)];
    poll(&mut waited, limit).is_ok_and(|count| count > 0)
}

impl Tail {
    fn fill_from(&self, mut stream: impl Read) {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            self.push(&bytes[..count]);
        }
        self.lock().ended = true;
        self.0.1.notify_all();
    }

    /// Waits until nothing more comes, or for as long as QEMU may take to end.
    fn await_end(&self) {
        let _ = self.0.1.wait_timeout_while(self.lock(), END_PATIENCE, |output| !output.ended);
    }

    /// Like [`Tail::fill_from`], but others can use the output at any time.
    fn follow(&self, stream: ChildStdout) {
        let Ok(waiting) = stream.as_fd().try_clone_to_owned() else { return self.fill_from(stream) };
        self.lock().stream = Some(stream);
        // A signal also ends a wait.
        while readable(&waiting, None) || self.lock().stream.is_some() {
            if !self.lock().drain() {
                return;
            }
            thread::sleep(CONSOLE_PAUSE);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, bytes: &[u8]) {
        self.lock().push(bytes);
    }

    fn text(&self) -> String {
        let mut tail = self.lock();
        tail.drain();
        String::from_utf8_lossy(&tail.latest.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    /// The output until now is the firmware's.
    pub fn begin(&self) {
        let mut tail = self.lock();
        tail.drain();
        tail.begin = tail.total;
    }

    /// The latest output since [`Tail::begin`].
    pub fn since_begin(&self) -> Vec<u8> {
        let mut tail = self.lock();
        tail.drain();
        let count = usize::try_from(tail.total - tail.begin).unwrap_or(usize::MAX);
        let skipped = tail.latest.len().saturating_sub(count);
        tail.latest.range(skipped..).copied().collect()
    }
}
