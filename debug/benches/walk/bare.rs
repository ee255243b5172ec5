//! The bare cost: QEMU and a socket, and nothing that looks at what comes back but for where it ends.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use debug::Endpoint;
use debug::Remote;
use tempfile::TempDir;

/// A QEMU that waits at reset; it ends with this.
pub struct Bare {
    run_sh: Child,
    folder: TempDir,
}

/// A connection without a protocol.
pub struct Stub {
    stream: UnixStream,
    reply: Vec<u8>,
}

impl Bare {
    pub fn start(kernel: &Path) -> Bare {
        Bare::listening(kernel, |folder| vec!["--socket".into(), folder.join("gdb").into()])
    }

    /// On a port of its own.
    pub fn on_port(kernel: &Path) -> (u16, Bare) {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("there is a free port").port();
        (port, Bare::listening(kernel, |_| vec!["--port".into(), port.to_string().into()]))
    }

    fn listening(kernel: &Path, place: impl FnOnce(&Path) -> Vec<OsString>) -> Bare {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut run_sh = Command::new(format!("{}/run.sh", super::PROJECT))
            .args(["--wait", "--tied", "--kernel"])
            .arg(kernel)
            .args(place(folder.path()))
            .env("QEMU_LOG", folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("run.sh is there");
        let mut line = String::new();
        BufReader::new(run_sh.stdout.take().expect("it is piped")).read_line(&mut line).expect("it prints a line");
        assert!(line.starts_with("waiting for GDB"), "{line}");
        Bare { run_sh, folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("gdb")
    }

    pub fn connect(&self) -> Stub {
        Stub { stream: UnixStream::connect(self.socket()).expect("it listens"), reply: Vec::new() }
    }

    pub fn attach(&self) -> Remote {
        let deadline = Instant::now() + Duration::from_secs(120);
        Remote::attach(&Endpoint::Unix(self.socket()), deadline).expect("it is a GDB stub")
    }

    /// Goes to the kernel's entry.
    pub fn reach_boot(&self) {
        let mut stub = self.connect();
        stub.exchange(&packet("Z0,80200000,2"));
        stub.exchange(&packet("vCont;c"));
        stub.stream.write_all(&packet("k")).expect("it reads");
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.run_sh.stdin.take());
        self.run_sh.wait().expect("it is our child");
    }
}

impl Stub {
    /// Sends the bytes, and reads to the end of one packet.
    pub fn exchange(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it reads");
        self.reply.clear();
        let mut piece = [0; 1 << 14];
        while !matches!(self.reply[..], [.., b'#', _, _]) {
            let count = self.stream.read(&mut piece).expect("it answers");
            assert!(count > 0, "the stub closed the connection");
            self.reply.extend_from_slice(&piece[..count]);
        }
    }

    /// The longest packet that the stub takes.
    pub fn packet_size(&mut self) -> usize {
        self.exchange(&packet("qSupported"));
        let reply = String::from_utf8_lossy(&self.reply);
        let size = reply.split_once("PacketSize=").and_then(|(_, rest)| rest.split([';', '#']).next());
        usize::from_str_radix(size.expect("it tells its packets' size"), 16).expect("a number")
    }
}

/// A packet with the ack of the reply before it.
fn packet(data: &str) -> Vec<u8> {
    let sum = data.bytes().fold(0_u8, u8::wrapping_add);
    format!("+${data}#{sum:02x}").into_bytes()
}

/// The packets that together cover `length` bytes from `start`.
pub fn packets(start: u64, length: usize, size: usize, data: impl Fn(u64, usize) -> String) -> Vec<Vec<u8>> {
    let begins = (0..length).step_by(size);
    begins.map(|begin| packet(&data(start + begin as u64, size.min(length - begin)))).collect()
}
