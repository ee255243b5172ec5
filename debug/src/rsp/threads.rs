//! Threads, which are harts: which there are, and which of them commands are about. It does not know who runs what.

use super::client::Client;
use super::error::Error;
use super::stop::Thread;

/// More than a machine has harts: a stub that lists threads for ever is left there.
const THREADS: usize = 4096;

impl Client {
    /// All threads that can be stepped one by one, in the stub's order; none where it does not tell.
    pub fn threads(&mut self) -> Result<Vec<Thread>, Error> {
        let mut threads = Vec::new();
        if !self.takes_actions() {
            return Ok(threads);
        }
        let mut query = "qfThreadInfo";
        while threads.len() < THREADS {
            let reply = self.ask(query.as_bytes(), query)?.to_vec();
            match reply.split_first() {
                Some((b'm', names)) => threads.extend(names.split(|&byte| byte == b',').filter_map(Thread::parse)),
                // The end of the list, or a stub without threads.
                _ => break,
            }
            query = "qsThreadInfo";
        }
        Ok(threads)
    }

    /// From now on registers and memory are those that this thread sees.
    pub fn select(&mut self, thread: Thread) -> Result<(), Error> {
        self.expect_ok(format!("Hg{thread}").as_bytes(), "Hg (select a thread)")
    }
}
