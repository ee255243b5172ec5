//! Reads QEMU's log through a pipe while QEMU runs. A thread reads and parses it, so that QEMU, the thread and the comparison
//! work in parallel. It does not know stubs.
//!
//! QEMU waits when the pipe is full, so it is only ahead by what the pipe and the queue hold.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::log::Log;
use crate::machine::{Moment, Register};

/// How many entries the queue holds before the thread waits.
const AHEAD: usize = 512;
/// How long the thread waits for bytes before it checks whether to end.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
const PAUSE: Duration = Duration::from_millis(2);
/// The size of a read: at least what a pipe holds.
const PIECE: usize = 1 << 16;

/// Follows one log. Dropping it ends the thread and removes the pipe.
pub struct Follower {
    path: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    moments: VecDeque<Moment>,
    /// The thread must not wait for room: the machine is being stopped, or the log is no longer needed.
    unbounded: bool,
    /// The machine has stopped. The log is complete when the pipe is empty.
    last: bool,
    /// The whole log is in the queue.
    drained: bool,
    /// The log is no longer needed.
    unwanted: bool,
    failure: Option<io::ErrorKind>,
}

impl Follower {
    /// Makes the pipe in `folder`.
    ///
    /// # Errors
    /// If the system cannot make a pipe.
    pub fn new(folder: &Path, wanted: &[Register]) -> io::Result<Follower> {
        let path = folder.join("trace");
        let made = Command::new("mkfifo").arg(&path).stdin(Stdio::null()).stderr(Stdio::null()).status()?;
        if !made.success() && !path.exists() {
            return Err(io::Error::other(format!("mkfifo could not make {}", path.display())));
        }
        // Do not block: QEMU opens its end later.
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let pipe = File::options().read(true).custom_flags(flags as i32).open(&path)?;
        let shared = Arc::new(Shared::default());
        let (theirs, log) = (Arc::clone(&shared), Log::new(wanted));
        thread::spawn(move || theirs.follow(pipe, log));
        Ok(Follower { path, shared })
    }

    /// The path that QEMU writes to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Call this before the machine runs.
    pub fn begin(&self) {
        let mut queue = self.shared.lock();
        (queue.unbounded, queue.last, queue.drained) = (false, false, false);
    }

    /// Call this before the machine is stopped: it must be able to finish writing.
    pub fn let_go(&self) {
        self.shared.lock().unbounded = true;
        self.shared.changed.notify_all();
    }

    /// Call this after the machine has stopped: the pipe has the rest of the log.
    pub fn expect_end(&self) {
        let mut queue = self.shared.lock();
        (queue.unbounded, queue.last) = (true, true);
        self.shared.changed.notify_all();
    }

    /// The next entry; `None` if none comes within `limit`, and at once if all were read.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    pub fn next(&self, limit: Duration) -> io::Result<Option<Moment>> {
        let deadline = Instant::now() + limit;
        let mut queue = self.shared.lock();
        loop {
            if let Some(moment) = queue.moments.pop_front() {
                if queue.moments.len() == AHEAD / 2 {
                    self.shared.changed.notify_all();
                }
                return Ok(Some(moment));
            }
            if let Some(kind) = queue.failure {
                return Err(kind.into());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if queue.drained || left.is_zero() {
                return Ok(None);
            }
            self.shared.changed.notify_all();
            queue = self.shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the whole log of a stopped machine has been read.
    pub fn is_drained(&self) -> bool {
        let queue = self.shared.lock();
        queue.drained && queue.moments.is_empty()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.lock().unwanted = true;
        self.let_go();
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn follow(&self, mut pipe: File, mut log: Log) {
        let mut bytes = vec![0; PIECE];
        let mut batch = Vec::new();
        loop {
            let last = self.lock().last;
            let outcome = wait_for_bytes(&pipe).and_then(|events| {
                if events.contains(PollFlags::IN) {
                    return read(&mut pipe, &mut bytes);
                }
                if events.contains(PollFlags::HUP) {
                    // No writer has the pipe open, and poll would return again at once.
                    drop(self.changed.wait_timeout(self.lock(), PAUSE));
                }
                Ok(0)
            });
            match &outcome {
                Ok(count) => log.push(&bytes[..*count], &mut |moment| batch.push(moment)),
                Err(error) => self.lock().failure = Some(error.kind()),
            }
            let nothing_came = matches!(outcome, Ok(0));
            if !self.hand_over(&mut batch, last && nothing_came) || outcome.is_err() {
                return;
            }
        }
    }

    /// Puts entries into the queue. Returns false if the log is no longer needed.
    fn hand_over(&self, batch: &mut Vec<Moment>, drained: bool) -> bool {
        let mut queue = self.lock();
        while queue.moments.len() >= AHEAD && !queue.unbounded && !queue.unwanted {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let was_empty = queue.moments.is_empty();
        queue.moments.extend(batch.drain(..));
        queue.drained = drained;
        if was_empty || drained {
            self.changed.notify_all();
        }
        !queue.unwanted
    }
}

/// Reads bytes; none if none came for a while.
fn wait_for_bytes(pipe: &File) -> io::Result<PollFlags> {
    let mut descriptors = [PollFd::new(pipe, PollFlags::IN)];
    match poll(&mut descriptors, Some(&LOOK)) {
        Ok(_) => Ok(descriptors[0].revents()),
        Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
    }
}

fn read(pipe: &mut File, bytes: &mut [u8]) -> io::Result<usize> {
    match pipe.read(bytes) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        read => read,
    }
}
