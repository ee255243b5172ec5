//! Threads, which are harts: lists them, and selects one for commands. It does not know what they run.

use super::client::Client;
use super::error::Error;
use super::stop::Thread;

/// The most threads that are listed: more than a machine has harts, in case a stub lists threads for ever.
const THREADS: usize = 4096;

impl Client {
    /// All threads that can be stepped separately, in the stub's order; empty if the stub does not tell.
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

    /// Selects the thread whose registers and memory are used.
    pub fn select(&mut self, thread: Thread) -> Result<(), Error> {
        self.expect_ok(format!("Hg{thread}").as_bytes(), "Hg (select a thread)")
    }
}
