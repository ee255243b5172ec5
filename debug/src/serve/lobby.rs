//! Clients that connected and sent nothing yet. A silent one keeps nobody waiting: the first that sends something is served.
//!
//! It does not know what they send.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::wire::{Others, Readiness, Wire, await_readable};
use super::{Error, Listener};

/// How many silent clients are kept. One more, and the oldest is disconnected.
const KEPT: usize = 64;

/// Silent clients, the oldest first.
#[derive(Default)]
pub struct Lobby {
    silent: Vec<Wire>,
}

/// How a wait ended.
pub enum Arrival {
    /// This client sent something, or left.
    Client(Wire),
    /// There is something to read of what is typed.
    Typed,
    /// Shutdown was requested.
    Ending,
}

impl Lobby {
    /// Waits for a client that sends something, for what is typed, or for the end.
    ///
    /// # Errors
    /// [`Error::Accept`].
    pub fn next(&mut self, listener: &Listener, others: Others<'_>) -> Result<Arrival, Error> {
        loop {
            match self.await_any(listener.as_fd(), others).map_err(Error::Accept)? {
                Readiness::Ending => return Ok(Arrival::Ending),
                Readiness::Typed => return Ok(Arrival::Typed),
                Readiness::Readable(index) if index < self.silent.len() => {
                    return Ok(Arrival::Client(self.silent.remove(index)));
                }
                Readiness::Readable(_) => self.admit(listener.accept().map_err(Error::Accept)?),
                Readiness::Nothing => {}
            }
        }
    }

    /// The listening socket has the last index.
    fn await_any(&self, listener: BorrowedFd<'_>, others: Others<'_>) -> io::Result<Readiness> {
        let clients = self.silent.iter().map(Wire::socket);
        await_readable(&clients.chain([listener]).collect::<Vec<_>>(), others, None)
    }

    fn admit(&mut self, client: Option<Wire>) {
        self.silent.extend(client);
        if self.silent.len() > KEPT {
            self.silent.remove(0);
        }
    }
}
