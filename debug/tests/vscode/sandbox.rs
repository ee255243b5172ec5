//! A place for one session: a loopback of its own, so that port 1234 is free whatever else runs on this machine, and a mark on
//! every process that is started there, so that none is overlooked at the end.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use crate::workspace::FOLDER;

/// The variable that marks what was started in a sandbox.
const MARK: &str = "VSCODE_TEST_SESSION";
/// How long the processes of a session may take to be gone, once they have no reason to be there.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long others may keep port 1234, where each session cannot have its own.
const QUEUE: Duration = Duration::from_secs(300);

static COUNT: AtomicU32 = AtomicU32::new(0);

pub struct Sandbox {
    network: Option<Network>,
    _turn: Option<File>,
    mark: String,
    folder: tempfile::TempDir,
}

/// A network namespace (network_namespaces(7)), which lives as long as the process that keeps it.
struct Network {
    keeper: Child,
    user: bool,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let network = Network::new();
        let turn = network.is_none().then(take_turn);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Sandbox { network, _turn: turn, mark, folder: tempfile::tempdir().expect("there is room for temporary files") }
    }

    /// A command that runs in here, in the folder that VS Code has open.
    pub fn command(&self, program: impl Into<PathBuf>) -> Command {
        let program = program.into();
        let mut command = match &self.network {
            Some(network) => network.enter(),
            None => Command::new("env"),
        };
        command.arg(program).current_dir(&*FOLDER).env(MARK, &self.mark).env("QEMU_LOG", self.file("qemu.log"));
        command
    }

    /// The name of a file of this session.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until nothing that was started in here is left.
    #[track_caller]
    pub fn assert_empty(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            let names: Vec<String> = left.iter().map(|process| name(*process)).collect();
            assert!(Instant::now() < deadline, "left behind {PATIENCE:?} after the end of the session: {names:#?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.mark);
        let processes = fs::read_dir("/proc").expect("/proc is there");
        let processes = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // Empty for a process of somebody else's, and for a zombie, which has ended.
        let environment = |process| fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        processes
            .filter(|process| environment(*process).split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
            .collect()
    }
}

impl Drop for Sandbox {
    /// After a failure there may be anything left.
    fn drop(&mut self) {
        for process in self.processes() {
            let process = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process has a number");
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

impl Network {
    /// None where the system does not allow it: in a container without privileges, say.
    fn new() -> Option<Network> {
        let user = !rustix::process::geteuid().is_root();
        let mut command = Command::new("unshare");
        command.arg("--net").args(user.then_some("--map-root-user"));
        command.args(["sh", "-c", "ip link set lo up && echo up && read -r _"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = command.spawn().ok()?;
        let mut answer = [0; 3];
        let up = keeper.stdout.take().expect("it is a pipe").read_exact(&mut answer);
        let network = Network { keeper, user };
        up.ok().map(|()| network)
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.keeper.id().to_string()]);
        command.args(self.user.then_some(["--user", "--preserve-credentials"]).into_iter().flatten());
        command.arg("--");
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Waits for this session's turn to use port 1234, and until nobody else does.
fn take_turn() -> File {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/port-1234.lock");
    let file = File::create(path).expect("cargo's tmp folder can be written to");
    let deadline = Instant::now() + QUEUE;
    let wait = |reason: &str| {
        assert!(Instant::now() < deadline, "{reason} for {QUEUE:?}");
        thread::sleep(Duration::from_millis(50));
    };
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        wait("another test of these, which has port 1234, kept its lock");
    }
    while TcpListener::bind(("127.0.0.1", 1234)).is_err() {
        wait("a program that is none of these tests' kept port 1234");
    }
    file
}

fn name(process: u32) -> String {
    let bytes = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    format!("{process} {}", String::from_utf8_lossy(&bytes).replace('\0', " "))
}
