//! Starts machine and GDB through run.sh, with a deadline, and sees to it that nothing of them is left. It judges nothing.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROJECT: &str = env!("HYPERVISOR_PROJECT");
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a process may take to be gone, once it has no reason to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `./run.sh --debug`, which is GDB from when the machine listens, in a process group of its own.
pub struct Session {
    gdb: Child,
    output: Heard,
    errors: Heard,
    folder: TempDir,
}

/// What GDB left.
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
    pub errors: String,
}

impl Session {
    /// GDB with these arguments on this kernel, over a Unix socket.
    pub fn start(kernel: &Path, arguments: &[&str]) -> Session {
        Session::start_on(&["--debug"], kernel, arguments)
    }

    /// The same on the machine that these arguments choose.
    pub fn start_on(machine: &[&str], kernel: &Path, arguments: &[&str]) -> Session {
        let folder = new_folder();
        let mut command = Command::new("./run.sh");
        command.args(machine).arg("--socket").arg(folder.path().join("gdb")).arg("--kernel").arg(kernel);
        command.arg("--").args(arguments);
        Session::spawn(command, folder)
    }

    /// The same over TCP.
    pub fn start_on_port(kernel: &Path, port: u16, arguments: &[&str]) -> Session {
        let mut command = Command::new("./run.sh");
        command.args(["--debug", "--port", &port.to_string(), "--kernel"]).arg(kernel).arg("--").args(arguments);
        Session::spawn(command, new_folder())
    }

    /// GDB with our .gdbinit and no machine: nobody listens on the socket.
    pub fn start_alone(arguments: &[&str]) -> Session {
        let folder = new_folder();
        let mut command = Command::new(testkit::gdb());
        command.args(["-q", "-nx", "-iex", &format!("set $debug_socket = \"{}/gdb\"", folder.path().display())]);
        command.args(["-x", ".gdbinit"]).args(arguments);
        Session::spawn(command, folder)
    }

    fn spawn(mut command: Command, folder: TempDir) -> Session {
        // All that comes of it inherits this variable, and is known by it.
        command.env("QEMU_LOG", folder.path().join("qemu.log")).current_dir(PROJECT).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut gdb = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = Heard::from(gdb.stdout.take().expect("stdout is piped"));
        let errors = Heard::from(gdb.stderr.take().expect("stderr is piped"));
        Session { gdb, output, errors, folder }
    }

    /// Types this into GDB.
    pub fn type_in(&mut self, text: &str) {
        let input = self.gdb.stdin.as_mut().expect("stdin is piped, and closed by end() only");
        input.write_all(text.as_bytes()).expect("GDB reads");
    }

    /// Sends a signal as `kill` names it, to GDB or to its whole process group, as a terminal does on Ctrl-C.
    pub fn signal(&self, signal: &str, whole_group: bool) {
        let sign = if whole_group { "-" } else { "" };
        kill(signal, &format!("{sign}{}", self.gdb.id()));
    }

    /// Waits until GDB has said this.
    pub fn await_output(&self, text: &str) {
        let start = Instant::now();
        while !self.output.so_far().contains(text) {
            assert!(start.elapsed() < DEADLINE, "GDB did not say {text}, but {}", self.output.so_far());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// QEMU's process.
    pub fn qemu(&self) -> Option<String> {
        processes(self.folder.path()).into_iter().find(|process| {
            fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.starts_with("qemu-system"))
        })
    }

    /// Waits until QEMU has used this much more processor time, to the hundredth of a second: a kernel runs, and does not idle.
    pub fn await_work(&self, time: Duration) {
        let used = || {
            let process = self.qemu().expect("QEMU runs");
            // proc(5), /proc/PID/stat: the 14th field, in hundredths; the name's bracket ends the second.
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it lives");
            let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
            let ticks = fields.split_whitespace().nth(11).expect("there are more than 14");
            Duration::from_millis(10 * ticks.parse::<u64>().expect("a number"))
        };
        let (start, before) = (Instant::now(), used());
        while used() < before + time {
            assert!(start.elapsed() < DEADLINE, "QEMU does nothing");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of GDB's input, GDB's end, and the end of all that belongs to it, which must come by itself.
    pub fn end(mut self) -> Ended {
        drop(self.gdb.stdin.take());
        let status = self.await_end();
        let ended = Ended { status, output: self.output.all(), errors: self.errors.all() };
        let start = Instant::now();
        while let left @ [_, ..] = processes(self.folder.path()).as_slice() {
            assert!(start.elapsed() < PATIENCE, "left running: {left:?}\n{}", ended.errors);
            thread::sleep(Duration::from_millis(10));
        }
        ended
    }

    fn await_end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.gdb.try_wait().expect("it is our child") {
                return status;
            }
            if start.elapsed() > DEADLINE {
                self.signal("KILL", true);
                panic!("GDB did not end within {DEADLINE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

pub fn kill(signal: &str, process: &str) {
    let killed = Command::new("bash")
        .args(["-c", "kill \"$@\"", "kill"])
        .args([&format!("-{signal}"), "--", process])
        .status()
        .expect("kill runs");
    assert!(killed.success(), "kill -{signal} {process}");
}

/// A short path, as a socket's has 103 bytes at most.
fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("gdb-test-").tempdir().expect("a folder for a socket")
}

/// What a pipe brings, read as it comes.
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Heard {
    fn from(mut pipe: impl Read + Send + 'static) -> Heard {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                shared.lock().expect("nobody panics with it").extend(&chunk[..length]);
            }
        });
        Heard { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panics with it")).into_owned()
    }

    fn all(self) -> String {
        self.reader.join().expect("the reader does not panic");
        String::from_utf8_lossy(&self.bytes.lock().expect("nobody panics with it")).into_owned()
    }
}

/// The processes that have this folder in their environment.
fn processes(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().expect("we made the path");
    let has_it = |process: &PathBuf| {
        fs::read(process.join("environ")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(folder))
    };
    let all = fs::read_dir("/proc").expect("/proc is there").filter_map(|entry| Some(entry.ok()?.path()));
    let left = all.filter(has_it).filter_map(|process| Some(process.file_name()?.to_str()?.to_owned()));
    left.collect()
}
