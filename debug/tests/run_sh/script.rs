//! Starting run.sh: with a folder of its own for all that it writes, and never for longer than a deadline.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use testkit::programs::write_script;

use crate::processes::await_some;

pub const PROJECT: &str = env!("HYPERVISOR_PROJECT");
/// Far more than any of it takes, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a running call's standard error goes, in its folder.
const SAID: &str = "said";

/// A call of run.sh to be.
pub struct Script {
    pub command: Command,
    pub folder: TempDir,
}

/// What a call of run.sh came to.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A call of run.sh under way, in a process group of its own.
pub struct Running {
    pub child: Child,
    pub folder: TempDir,
    lines: Receiver<String>,
}

impl Script {
    pub fn new(arguments: &[&str]) -> Script {
        Script::at(Path::new(PROJECT), arguments)
    }

    /// The run.sh of `project`, called from there.
    pub fn at(project: &Path, arguments: &[&str]) -> Script {
        let folder = tempfile::Builder::new().prefix("run-sh-").tempdir().unwrap();
        let mut command = Command::new(project.join("run.sh"));
        command.args(arguments).current_dir(project).stdin(Stdio::null());
        command.env("QEMU_LOG", folder.path().join("qemu.log")).env("TMPDIR", folder.path());
        for variable in ["QEMU", "GDB", "NO_INSTALL"] {
            command.env_remove(variable);
        }
        Script { command, folder }
    }

    /// With `--kernel` and one of the tests' kernels.
    pub fn with_kernel(kernel: &str, arguments: &[&str]) -> Script {
        let kernel = crate::kernels::build(kernel);
        Script::new(&[&["--kernel", kernel.to_str().unwrap()], arguments].concat())
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Script {
        self.command.env(name, value);
        self
    }

    /// A program that is a shell script, in the folder.
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        write_script(&self.folder.path().join(name), text)
    }

    /// Runs it to its end, and sees that it left none of its private folders.
    pub fn finish(mut self) -> Finished {
        self.build_first();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let (stdout, stderr) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        let status = end_of(&mut child);
        let text =
            |stream: Receiver<String>| stream.recv_timeout(PATIENCE).expect("all that held its output has ended");
        let (stdout, stderr) = (text(stdout), text(stderr));
        let status = status.unwrap_or_else(|| panic!("it did not end within {PATIENCE:?}:\n{stdout}\n{stderr}"));
        let finished = Finished { status, stdout, stderr };
        await_some("the end of its private folder", || private_folder(self.folder.path()).is_none().then_some(()));
        finished
    }

    pub fn start(mut self) -> Running {
        self.build_first();
        let said = File::create(self.folder.path().join(SAID)).unwrap();
        self.command.stdout(Stdio::piped()).stderr(said).process_group(0);
        let mut child = self.command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Running { child, folder: self.folder, lines }
    }
}

impl Script {
    /// Builds what `--embedded` needs, for which no deadline is right. A call with a cargo of its own has what it needs.
    fn build_first(&self) {
        static BUILT: Once = Once::new();
        let is_asked_for = self.command.get_args().any(|argument| argument == "--embedded");
        if is_asked_for && !self.command.get_envs().any(|(name, _)| name == "PATH") {
            BUILT.call_once(|| {
                let build = ["build", "--quiet", "--release", "--package", "debug"];
                assert!(Command::new("cargo").args(build).current_dir(PROJECT).status().unwrap().success());
            });
        }
    }
}

impl Finished {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("it was killed: {}", self.stderr))
    }

    /// Sees that it could not start, and gives the reason.
    pub fn reason(&self) -> &str {
        assert_eq!(self.code(), 2, "{}", self.stderr);
        assert_eq!(self.stdout, "", "results only where there are some");
        &self.stderr
    }

    /// The commands that it said it runs, but for cargo's.
    pub fn commands(&self) -> Vec<&str> {
        let commands = self.stderr.lines().filter_map(|line| line.strip_prefix("+ "));
        commands.filter(|command| !command.starts_with("cargo build")).collect()
    }
}

impl Running {
    /// Waits for a line of its standard output that contains `part`.
    pub fn await_line(&self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a signal to it, or to its whole process group.
    pub fn signal(&self, signal: &str, group: bool) {
        assert!(self.try_signal(signal, group), "it has ended already");
    }

    /// As [`Running::signal`]; false where it has ended already.
    pub fn try_signal(&self, signal: &str, group: bool) -> bool {
        let process = format!("{}{}", if group { "-" } else { "" }, self.child.id());
        let kill = Command::new("bash")
            .args(["-c", "kill \"$@\"", "kill"])
            .args(["-s", signal, "--", &process])
            .stderr(Stdio::null())
            .status();
        kill.unwrap().success()
    }

    /// What it has said so far on its standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join(SAID)).unwrap()
    }

    pub fn await_end(&mut self) -> ExitStatus {
        end_of(&mut self.child).unwrap_or_else(|| panic!("it did not end within {PATIENCE:?}:\n{}", self.said()))
    }

    /// What another GDB says to these commands, on the machine that waits at the socket `gdb` in the folder.
    pub fn gdb(&self, commands: &[&str]) -> String {
        let mut gdb = Command::new(testkit::gdb());
        gdb.args(["-nx", "-batch", "-iex", "set architecture riscv:rv64", "-ex"]);
        gdb.arg(format!("target remote {}", self.folder.path().join("gdb").display()));
        gdb.args(commands.iter().flat_map(|command| ["-ex", command]));
        let output = gdb.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder in `folder` of a name that cargo debug gives its own.
pub fn private_folder(folder: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    names
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cargo-debug.")))
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}

/// How it ended; nothing where it had to be killed.
fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
