//! QEMU's log through a pipe while it runs: a thread reads and takes it apart, so that QEMU, it and the one who compares work
//! at once. It does not know what a stub is.
//!
//! QEMU waits where the pipe is full, so it is never further ahead than the pipe and the queue hold.

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

/// How many moments wait to be compared, before the thread waits.
const AHEAD: usize = 512;
/// How long the thread waits for bytes before it looks whether it is still wanted.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
const PAUSE: Duration = Duration::from_millis(2);
/// As much as a pipe gives at once, or more.
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
    /// Nobody waits for room any more: the machine is being stopped, or the log is no longer wanted.
    unbounded: bool,
    /// The machine has stopped: once the pipe is empty, this was all.
    last: bool,
    /// All that was written is in the queue.
    drained: bool,
    /// Nobody wants the log any more.
    unwanted: bool,
    failure: Option<io::ErrorKind>,
}

impl Follower {
    /// Makes the pipe, in `folder`.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub fn new(folder: &Path, wanted: &[Register]) -> io::Result<Follower> {
        let path = folder.join("trace");
        let made = Command::new("mkfifo").arg(&path).stdin(Stdio::null()).stderr(Stdio::null()).status()?;
        if !made.success() && !path.exists() {
            return Err(io::Error::other(format!("mkfifo could not make {}", path.display())));
        }
        // Not blocking, as QEMU opens its end later.
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let pipe = File::options().read(true).custom_flags(flags as i32).open(&path)?;
        let shared = Arc::new(Shared::default());
        let (theirs, log) = (Arc::clone(&shared), Log::new(wanted));
        thread::spawn(move || theirs.follow(pipe, log));
        Ok(Follower { path, shared })
    }

    /// Where QEMU is to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Before the machine runs.
    pub fn begin(&self) {
        let mut queue = self.shared.lock();
        (queue.unbounded, queue.last, queue.drained) = (false, false, false);
    }

    /// Before the machine is stopped: nothing may keep it from finishing what it writes.
    pub fn let_go(&self) {
        self.shared.lock().unbounded = true;
        self.shared.changed.notify_all();
    }

    /// Once the machine has stopped: what is in the pipe by now is all.
    pub fn expect_end(&self) {
        let mut queue = self.shared.lock();
        (queue.unbounded, queue.last) = (true, true);
        self.shared.changed.notify_all();
    }

    /// The next moment; `None` where there is none within `limit`, and at once where all were fetched.
    ///
    /// # Errors
    /// Where the pipe could not be read.
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

    /// Whether all that the machine wrote before it stopped has been fetched.
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
                    // Nobody is there to write, and poll would say so again at once.
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

    /// Puts moments into the queue; false when nobody wants them any more.
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

/// Nothing when none came for a while.
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
