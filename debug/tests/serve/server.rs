//! `cargo debug serve` in a process of its own, gone when the test is. It does not know what clients say.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::kernels;

/// How long anything may take that takes milliseconds; a loaded machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Server {
    /// Serves one of the test kernels on a socket of its own.
    pub fn start(kernel: &str) -> Server {
        Server::with(&kernels::build(kernel), &[])
    }

    pub fn with(kernel: &Path, arguments: &[&str]) -> Server {
        Server::from_command(|listen| {
            let mut command = command(kernel, listen);
            command.args(arguments);
            command
        })
    }

    /// The command that serves at such an address; the machine is at the kernel's first instruction.
    pub fn from_command(command: impl FnOnce(&str) -> Command) -> Server {
        let server = Server::at_reset(command);
        let mut client = Client::new(&server);
        assert_eq!(client.stop("s"), "S05");
        assert_eq!(client.ask("D"), "OK");
        server
    }

    /// The same, in the reset ROM.
    pub fn at_reset(command: impl FnOnce(&str) -> Command) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let listen = format!("unix:{}", folder.path().join("gdb").display());
        let mut child = command(&listen).stderr(Stdio::piped()).spawn().unwrap();
        let mut server = Server { stdout: BufReader::new(child.stdout.take().unwrap()), child, folder };
        assert_eq!(server.line(), format!("waiting for GDB on {listen}"));
        server
    }

    /// The next line of its standard output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end_matches('\n').into()
    }

    /// What comes after the lines that were read.
    pub fn stdout(&mut self) -> &mut impl Read {
        &mut self.stdout
    }

    /// Waits until the pipe of its standard output is full.
    #[cfg(target_os = "linux")] // whose /proc has the pipe's other end
    pub fn fill_stdout(&self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let pipe = fs::File::options().write(true).open(format!("/proc/{}/fd/1", self.id())).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let takes_more = || {
            let mut ends = [PollFd::new(&pipe, PollFlags::OUT)];
            poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
        };
        while takes_more() {
            assert!(Instant::now() < deadline, "it does not print a pipe's bytes within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("gdb")
    }

    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sees it end by itself: its exit status, and what it said on standard error.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let status = await_end(&mut self.child);
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(!self.socket().exists(), "it removes its socket");
        (status, words)
    }

    /// Ends it as Ctrl-C and `kill` do: what it said on standard error.
    pub fn end(self) -> String {
        signal("TERM", self.id());
        let (status, words) = self.ended();
        assert_eq!(status, Some(0), "{words}");
        assert!(!words.contains("panicked"), "{words}");
        words
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command(kernel: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["serve", "--listen", listen, "--elf"]).arg(kernel).stdin(Stdio::null()).stdout(Stdio::piped());
    command.current_dir(env!("HYPERVISOR_PROJECT"));
    command
}

/// Waits for a process to end; one that does not is killed, and the test with it.
pub fn await_end(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() >= deadline {
            child.kill().unwrap();
            panic!("process {} did not end within {PATIENCE:?}", child.id());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

pub fn signal(name: &str, process: u32) {
    let sent = Command::new("bash")
        .args(["-c", "kill \"$@\"", "kill"])
        .args([&format!("-{name}"), &process.to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Whether the process is alive: not gone, and no zombie either.
pub fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with('Z'))
}
