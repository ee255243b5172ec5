//! The bytes between a client and the stub, buffered, with a time limit for a client that does not read.
//!
//! It does not know packets.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gdbstub::conn::Connection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::framing::RECEIVED;

/// The time limit for a client that does not read our replies.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes are collected before they are sent.
const OUTGOING: usize = 64 * 1024;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The socket with this index.
    Readable(usize),
    /// There is something to read of what is typed.
    Typed,
    /// Shutdown was requested.
    Ending,
    /// The time limit was reached.
    Nothing,
}

/// What is waited for besides a client.
#[derive(Clone, Copy)]
pub struct Others<'a> {
    pub ending: BorrowedFd<'a>,
    pub typing: Option<BorrowedFd<'a>>,
}

/// Waits for one of `sockets` or of the others to become readable, for ever where there is no `limit`.
pub fn await_readable(
    sockets: &[BorrowedFd<'_>],
    others: Others<'_>,
    limit: Option<Duration>,
) -> io::Result<Readiness> {
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    let waited = [others.ending].into_iter().chain(others.typing).chain(sockets.iter().copied());
    let mut descriptors: Vec<PollFd<'_>> = waited.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let first = descriptors.len() - sockets.len();
    loop {
        match poll(&mut descriptors, limit.as_ref()) {
            Ok(_) => {}
            // A signal. It may have made `ending` readable; otherwise ignore it.
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ready = |descriptor: &PollFd<'_>| !descriptor.revents().is_empty();
        let (others, sockets) = descriptors.split_at(first);
        return Ok(match (ready(&others[0]), sockets.iter().position(ready), others.last().is_some_and(ready)) {
            (true, ..) => Readiness::Ending,
            (_, Some(index), _) => Readiness::Readable(index),
            (_, _, true) => Readiness::Typed,
            _ => Readiness::Nothing,
        });
    }
}

/// What the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    Byte(u8),
    /// The client closed the connection.
    End,
    Ending,
    /// There is something to read of what is typed.
    Typed,
    Nothing,
}

trait Stream: Read + Write + AsFd {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A client's connection.
pub struct Wire {
    stream: Box<dyn Stream>,
    outgoing: Vec<u8>,
    /// Received bytes. Those before `taken` were returned already.
    incoming: Vec<u8>,
    taken: usize,
}

impl Wire {
    pub fn tcp(stream: TcpStream) -> io::Result<Wire> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Wire::new(Box::new(stream)))
    }

    pub fn unix(stream: UnixStream) -> io::Result<Wire> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Wire::new(Box::new(stream)))
    }

    fn new(stream: Box<dyn Stream>) -> Wire {
        Wire { stream, outgoing: Vec::new(), incoming: Vec::new(), taken: 0 }
    }

    /// The socket itself.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// A copy of the socket, to find out whether the client sends data.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.stream.as_fd().try_clone_to_owned()
    }

    /// Sends pending replies, then returns the next byte; it waits like [`await_readable`].
    pub fn next(&mut self, others: Others<'_>, limit: Option<Duration>) -> io::Result<Incoming> {
        if self.taken == self.incoming.len() {
            self.flush()?;
            match await_readable(&[self.socket()], others, limit)? {
                Readiness::Readable(_) => {}
                Readiness::Typed => return Ok(Incoming::Typed),
                Readiness::Ending => return Ok(Incoming::Ending),
                Readiness::Nothing => return Ok(Incoming::Nothing),
            }
            self.incoming.resize(4096, 0);
            let count = self.stream.read(&mut self.incoming);
            self.incoming.truncate(*count.as_ref().unwrap_or(&0));
            self.taken = 0;
            if count? == 0 {
                return Ok(Incoming::End);
            }
        }
        self.taken += 1;
        Ok(Incoming::Byte(self.incoming[self.taken - 1]))
    }
}

impl Connection for Wire {
    type Error = io::Error;

    fn write(&mut self, byte: u8) -> io::Result<()> {
        self.write_all(&[byte])
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outgoing.extend_from_slice(bytes);
        // An ACK goes out at once: what was asked for may take long.
        if self.outgoing.len() >= OUTGOING || self.outgoing == [RECEIVED] { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let sent = self.stream.write_all(&self.outgoing);
        self.outgoing.clear();
        sent
    }
}
