//! Keeps a client waiting during a slow monitor command. It does not know the command.
//!
//! After two seconds without data GDB assumes a lost packet (`show remotetimeout`), and warns its user after some more. It notices
//! Ctrl-C only between two packets.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const PERIOD: Duration = Duration::from_millis(500);
/// Console output without text (GDB manual, section "Stop Reply Packets", packet `O`).
const BEAT: &[u8] = b"$O#4f";

/// Sends beats until it is dropped. After that only the caller uses the connection.
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub fn start(client: &OwnedFd) -> io::Result<Heartbeat> {
        let mut client = File::from(client.try_clone()?);
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            // If the client has gone or does not read, sending the answer finds out.
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) && client.write_all(BEAT).is_ok() {}
        })?;
        Ok(Heartbeat { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic.
            let _ = thread.join();
        }
    }
}
