//! A connection to a stub: sends, receives and acknowledges packets, with a deadline for every wait.
//!
//! It does not know the packets' meaning.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::error::{Error, excerpt};
use super::frame::{self, Decoder, FrameEvent, Violation};
use crate::endpoint::Endpoint;

/// How often a damaged packet is requested again, and ours is sent again.
const RETRIES: usize = 3;

/// The connection, from the socket up to whole packets.
pub struct Connection {
    name: String,
    stream: Stream,
    decoder: Decoder,
    /// Bytes for the next write: a delayed ack, and the packet after it.
    wire: Vec<u8>,
    /// Packets are acknowledged, until `QStartNoAckMode` is negotiated.
    acks: bool,
    ack_due: bool,
    /// The last packet, for a stub that requests it again.
    last: Vec<u8>,
    read_timeout: Option<Duration>,
}

/// A socket of either kind.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// # Errors
    /// [`Error::Connect`] if no program listens at `endpoint` within `limit`.
    pub fn open(endpoint: &Endpoint, limit: Duration) -> Result<Connection, Error> {
        let failed = |cause| Error::Connect { to: endpoint.to_string(), cause };
        let stream = Stream::connect(endpoint, limit).map_err(failed)?;
        stream.set_write_timeout(limit).map_err(failed)?;
        Ok(Connection {
            name: format!("the stub at {endpoint}"),
            stream,
            decoder: Decoder::default(),
            wire: Vec::new(),
            acks: true,
            ack_due: false,
            last: Vec::new(),
            read_timeout: None,
        })
    }

    /// The stub's name in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stops using acks, in both directions.
    pub fn stop_acks(&mut self) {
        self.acks = false;
    }

    /// Puts a packet into the buffer, which [`Connection::flush`] sends.
    pub fn queue(&mut self, payload: &[u8]) {
        self.acknowledge_late();
        let start = self.wire.len();
        frame::encode(payload, &mut self.wire);
        if self.acks {
            self.last.clear();
            self.last.extend_from_slice(&self.wire[start..]);
        }
    }

    /// Sends the queued bytes.
    pub fn flush(&mut self, awaited: &str) -> Result<(), Error> {
        let sent = self.stream.write_all(&self.wire);
        self.wire.clear();
        sent.map_err(|cause| self.failure(cause, awaited, Duration::ZERO))
    }

    /// Sends one byte outside of packets: 0x03 interrupts.
    pub fn send_byte(&mut self, byte: u8, awaited: &str) -> Result<(), Error> {
        self.acknowledge_late();
        self.wire.push(byte);
        self.flush(awaited)
    }

    /// Receives the data of the next packet; `None` if none came within `limit`.
    ///
    /// The ack is sent together with the next packet. This saves a system call and a wake-up of the stub for each command; a stub
    /// reads the ack before the packet anyway.
    pub fn receive(&mut self, awaited: &str, limit: Duration) -> Result<Option<&[u8]>, Error> {
        let deadline = Instant::now() + limit;
        let (mut damaged, mut resent) = (0, 0);
        loop {
            match self.decoder.next() {
                Some(Ok(FrameEvent::Packet)) => {
                    self.ack_due = self.acks;
                    return Ok(Some(self.decoder.data()));
                }
                Some(Ok(FrameEvent::Ack | FrameEvent::Notification)) => {}
                Some(Ok(FrameEvent::Nack)) if resent < RETRIES && !self.last.is_empty() => {
                    resent += 1;
                    self.wire.extend_from_slice(&self.last);
                    self.flush(awaited)?;
                }
                Some(Ok(FrameEvent::Nack)) => return Err(self.garbled(awaited, "it rejects our packets".into())),
                Some(Err(Violation::Damaged(_))) if self.acks && damaged < RETRIES => {
                    damaged += 1;
                    self.send_byte(b'-', awaited)?;
                }
                Some(Err(violation)) => return Err(self.violated(violation, awaited)),
                None => {
                    if !self.read(awaited, deadline)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Like [`Connection::receive`], but no packet is an error.
    pub fn require(&mut self, awaited: &str, limit: Duration) -> Result<&[u8], Error> {
        if self.receive(awaited, limit)?.is_none() {
            return Err(Error::Timeout { from: self.name.clone(), awaited: awaited.into(), after: limit });
        }
        Ok(self.decoder.data())
    }

    /// Reads once. Returns false if the deadline came first.
    fn read(&mut self, awaited: &str, deadline: Instant) -> Result<bool, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut bytes = [0; 1 << 14];
        let count = match self.set_read_timeout(left).and_then(|()| self.stream.read(&mut bytes)) {
            Ok(0) => return Err(Error::Closed { from: self.name.clone(), awaited: self.awaited_where(awaited) }),
            Ok(count) => count,
            Err(error) if is_timeout(&error) => return Ok(Instant::now() < deadline),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(self.failure(error, awaited, left)),
        };
        self.decoder.push(&bytes[..count]);
        Ok(true)
    }

    /// Sets the socket's timeout. This costs a system call, so a similar one is kept.
    fn set_read_timeout(&mut self, wanted: Duration) -> io::Result<()> {
        let near = |set: Duration| set <= wanted && wanted - set <= wanted / 8;
        if self.read_timeout.is_some_and(near) {
            return Ok(());
        }
        self.read_timeout = Some(wanted);
        self.stream.set_read_timeout(wanted)
    }

    fn acknowledge_late(&mut self) {
        if std::mem::take(&mut self.ack_due) {
            self.wire.push(b'+');
        }
    }

    fn awaited_where(&self, awaited: &str) -> String {
        let part = if self.decoder.in_frame() { " (in the middle of a packet)" } else { "" };
        format!("{awaited}{part}")
    }

    fn garbled(&self, awaited: &str, what: String) -> Error {
        Error::Garbled { from: self.name.clone(), awaited: awaited.into(), what }
    }

    fn violated(&self, violation: Violation, awaited: &str) -> Error {
        match violation {
            Violation::Damaged(how) => self.garbled(awaited, format!("a packet that is damaged every time: {how}")),
            Violation::Noise => self.garbled(awaited, "bytes that contain no packet".into()),
            Violation::TooLong => {
                Error::TooLong { from: self.name.clone(), awaited: awaited.into(), limit: frame::LIMIT }
            }
        }
    }

    /// Converts an I/O error. If a write timed out, the stub does not read.
    fn failure(&self, cause: io::Error, awaited: &str, after: Duration) -> Error {
        let (from, awaited) = (self.name.clone(), self.awaited_where(awaited));
        match cause.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Error::Closed { from, awaited }
            }
            _ if is_timeout(&cause) => Error::Timeout { from, awaited, after },
            _ => Error::Io { from, awaited, cause },
        }
    }

    /// An error for a reply that does not fit its command.
    pub fn unexpected(&self, command: &str, reply: &[u8], expected: impl Into<String>) -> Error {
        Error::Unexpected {
            from: self.name.clone(),
            command: command.into(),
            reply: excerpt(reply),
            expected: expected.into(),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Stream {
    pub(super) fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Stream> {
        match endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Endpoint::Tcp(address) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, limit) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(Stream::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn set_read_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(limit)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(limit)),
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Stream> {
        match self {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        }
    }

    /// Ends both directions, for all clones.
    pub(super) fn close(&self) {
        let _ = match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    fn set_write_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_write_timeout(Some(limit)),
            Stream::Unix(stream) => stream.set_write_timeout(Some(limit)),
        }
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(bytes),
            Stream::Unix(stream) => stream.read(bytes),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }
}
