//! Ways back, asked for through a socket: a step of `cargo debug serve`, and of QEMU that replays a recording of the same boot; a search
//! of `cargo debug serve` over a whole run, and one that is interrupted.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use debug::{Address, Image};
use tempfile::TempDir;

const RUN_SH: &str = concat!(env!("HYPERVISOR_PROJECT"), "/run.sh");
/// Where the clear is done and the steps back begin.
const CLEARED: &str = "variant::after_clear";
/// What stop replies begin with, of a breakpoint and after Ctrl-C, and what one has at the end of a run (GDB manual, "Stop Reply Packets").
const TRAPPED: &str = "$T05";
const INTERRUPTED: &str = "$S02";
const AT_THE_END: &str = "replaylog:end";
/// Ctrl-C (GDB manual, "Interrupts").
const INTERRUPT: u8 = 3;
/// In GDB's place: run.sh asks the real one where the kernel begins, then this waits for its input to end.
const GDB: &str =
    "#!/bin/sh\ncase \"$*\" in *--stand-in*) echo ready; cat >/dev/null ;; *) exec gdb-multiarch \"$@\" ;; esac\n";

/// Somebody who serves a machine; gone with this.
struct Server {
    process: Child,
    folder: TempDir,
}

/// A machine that stands behind the clear, and can be taken back from there.
pub struct Reversible {
    /// Closed before the server is asked to end.
    stream: UnixStream,
    _server: Server,
}

impl Reversible {
    pub fn embedded(kernel: &Path) -> Reversible {
        Reversible::behind_the_clear(kernel, Server::embedded(kernel))
    }

    /// A machine that stands at the end of a run, with a breakpoint at its first instruction.
    pub fn ended(kernel: &Path) -> Reversible {
        let image = Image::open(kernel).expect("it is an ELF");
        let mut machine = Reversible::connected(Server::embedded(kernel));
        let boot = image.require("boot").expect("it has one").address;
        machine.exchange(&format!("Z0,{boot:x},2"));
        let stop = machine.moved("c", None);
        assert!(is_at_breakpoint(&stop), "{stop}");
        machine.run_out();
        machine
    }

    /// From where a breakpoint may be, which a client steps over.
    fn run_out(&mut self) {
        self.moved("s", None);
        let stop = self.moved("c", None);
        assert!(stop.contains(AT_THE_END), "{stop}");
    }

    /// How long all of the run is searched back, to the breakpoint, in milliseconds.
    pub fn search(&mut self) -> f64 {
        let begin = Instant::now();
        let stop = self.moved("bc", None);
        let took = begin.elapsed();
        assert!(is_at_breakpoint(&stop), "{stop}");
        self.run_out();
        took.as_secs_f64() * 1e3
    }

    /// How long it takes to stop a search that has just begun its first step, in milliseconds.
    pub fn search_interrupted(&mut self) -> f64 {
        let mut begin = Instant::now();
        let stop = self.moved("bc", Some(&mut begin));
        let took = begin.elapsed();
        assert!(stop.contains(INTERRUPTED), "{stop}");
        self.run_out();
        took.as_secs_f64() * 1e3
    }

    pub fn qemu(kernel: &Path) -> Reversible {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let gdb = folder.path().join("gdb");
        fs::write(&gdb, GDB).expect("the folder is ours");
        fs::set_permissions(&gdb, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        let mut run_sh = Command::new(RUN_SH);
        run_sh.args(["--reverse", "--kernel"]).arg(kernel).arg("--socket").arg(socket(&folder));
        run_sh.args(["--", "--stand-in"]).env("GDB", &gdb).env("QEMU_LOG", "/dev/null");
        Reversible::behind_the_clear(kernel, Server::start(run_sh, folder, "ready"))
    }

    fn behind_the_clear(kernel: &Path, server: Server) -> Reversible {
        let image = Image::open(kernel).expect("it is an ELF");
        let is_behind = |address: &Address| image.function(*address).is_some_and(|(name, _)| name == CLEARED);
        let address = image.symbols().map(|symbol| symbol.address).find(is_behind).expect("the kernel has it");
        let mut machine = Reversible::connected(server);
        machine.exchange(&format!("Z0,{address:x},2"));
        let stop = machine.exchange("c");
        assert!(stop[1..].starts_with("05"), "{stop}");
        machine
    }

    fn connected(server: Server) -> Reversible {
        let stream = UnixStream::connect(socket(&server.folder)).expect("it listens");
        let mut machine = Reversible { stream, _server: server };
        machine.exchange("?");
        machine
    }

    /// How long one step back takes, in milliseconds.
    pub fn step_back(&mut self) -> f64 {
        let begin = Instant::now();
        let stop = self.exchange("bs");
        assert!(stop[1..].starts_with("05"), "{stop}");
        begin.elapsed().as_secs_f64() * 1e3
    }

    /// A packet, with the ack of the one before; the data of what comes back.
    fn exchange(&mut self, data: &str) -> String {
        self.send(data);
        self.receive(|reply| matches!(reply, [.., b'#', _, _])).trim_start_matches(['+', '$']).to_owned()
    }

    /// A packet that moves the machine, interrupted if asked for; all that comes back, with the stop, which what it says comes before.
    fn moved(&mut self, data: &str, interrupted_at: Option<&mut Instant>) -> String {
        self.send(data);
        if let Some(begin) = interrupted_at {
            std::thread::sleep(Duration::from_millis(1));
            *begin = Instant::now();
            self.stream.write_all(&[INTERRUPT]).expect("it reads");
        }
        self.receive(|reply| {
            matches!(reply, [.., b'#', _, _]) && reply.windows(2).any(|pair| matches!(pair, b"$T" | b"$S"))
        })
    }

    fn send(&mut self, data: &str) {
        let sum = data.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("+${data}#{sum:02x}").as_bytes()).expect("it reads");
    }

    fn receive(&mut self, is_all: impl Fn(&[u8]) -> bool) -> String {
        let mut reply = Vec::new();
        let mut piece = [0; 4096];
        while !is_all(&reply) {
            let count = self.stream.read(&mut piece).expect("it answers");
            assert!(count > 0, "the server closed the connection");
            reply.extend_from_slice(&piece[..count]);
        }
        String::from_utf8_lossy(&reply).into_owned()
    }
}

impl Server {
    fn embedded(kernel: &Path) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut serve = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        serve.args(["serve", "--elf"]).arg(kernel);
        serve.args(["--listen", &format!("unix:{}", socket(&folder).display())]);
        Server::start(serve, folder, "waiting for GDB")
    }

    /// Returns once it prints a line that begins so.
    fn start(mut command: Command, folder: TempDir, ready: &str) -> Server {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("it is there");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut lines = output.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with(ready)), "{command:?} did not come to listen");
        Server { process, folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // run.sh's GDB ends with its input, and QEMU with that; our own server has to be told.
        drop(self.process.stdin.take());
        if self.folder.path().join("gdb").exists() {
            let _ = self.process.wait();
            return;
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_at_breakpoint(stop: &str) -> bool {
    stop.contains(TRAPPED) && !stop.contains("replaylog")
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("socket")
}
