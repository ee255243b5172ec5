//! Keeps a client waiting during a slow monitor command, and shows the command's progress. It does not know the command.
//!
//! After two seconds without data GDB assumes a lost packet (`show remotetimeout`), and warns its user after some more. It notices
//! Ctrl-C only between two packets, and sends nothing then.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The time between two beats.
const PERIOD: Duration = Duration::from_millis(500);

/// The progress of a command, as text for the client. The command sets it and the heartbeat sends it.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<String>>);

impl Progress {
    /// Sets the text.
    pub fn tell(&self, words: impl FnOnce() -> String) {
        *self.words() = words();
    }

    /// Removes the text.
    pub fn forget(&self) {
        self.words().clear();
    }

    fn words(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Console output with the text, or without any (GDB manual, section "Stop Reply Packets", packet `O`).
    fn packet(&self) -> Vec<u8> {
        let mut body = String::from("O");
        for byte in self.words().bytes() {
            // Writing to a String cannot fail.
            let _ = write!(body, "{byte:02x}");
        }
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        format!("${body}#{sum:02x}").into_bytes()
    }
}

/// Sends beats until it is dropped. After that only the caller uses the connection.
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Counts the beats in `unread`.
    pub fn start(client: &OwnedFd, progress: &Progress, unread: &Arc<AtomicU64>) -> io::Result<Heartbeat> {
        let (progress, unread) = (progress.clone(), Arc::clone(unread));
        unread.store(0, Ordering::Relaxed);
        let mut client = File::from(client.try_clone()?);
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(move || {
            // If the client has gone or does not read, sending the answer finds out.
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                unread.fetch_add(1, Ordering::Relaxed);
                if client.write_all(&progress.packet()).is_err() {
                    break;
                }
            }
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
