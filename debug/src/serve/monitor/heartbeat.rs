//! Keeps a client waiting for the answer of a monitor command that takes long. It does not know what was asked.
//!
//! GDB takes two seconds of silence for a lost packet (`show remotetimeout`), and soon says so to its user; that it was interrupted it
//! notices between two packets only.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(500);
/// Console output (GDB manual, section "Stop Reply Packets", packet `O`) of no text.
const BEAT: &[u8] = b"$O#4f";

/// Sends beats until it is dropped; from then on the connection is the caller's alone.
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub fn start(client: &OwnedFd) -> io::Result<Heartbeat> {
        let mut client = File::from(client.try_clone()?);
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            // Where the client is gone, or does not read, the answer finds out.
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) && client.write_all(BEAT).is_ok() {}
        })?;
        Ok(Heartbeat { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // It has nothing to panic with.
            let _ = thread.join();
        }
    }
}
