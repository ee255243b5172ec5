//! Sends commands to a stub and checks the replies: a reply is complete, or an error.
//!
//! It does not know the meaning of the registers.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::error::{Error, excerpt};
use super::features::{Description, DescriptionError};
use super::frame::{LIMIT, digit, from_hex, hex_number, to_hex};
use super::stop::{StopReply, Thread};
use crate::endpoint::Endpoint;

/// The packet size in bytes if the stub does not tell its own: the smallest stubs accept this.
const DEFAULT_PACKET_SIZE: usize = 400;
/// The longest target description that is read, in bytes.
const DESCRIPTION_LIMIT: usize = LIMIT;

/// A connection to a stub. Its machine is stopped between calls.
pub struct Client {
    pub(super) connection: Connection,
    /// The longest packet that the stub accepts, in bytes.
    pub(super) packet_size: usize,
    /// How many requests may wait for their replies at once.
    pub(super) window: usize,
    patience: Duration,
    deadline: Option<Instant>,
    step_command: &'static [u8],
    continue_command: &'static [u8],
    running: bool,
}

impl Client {
    /// Connects and negotiates the features of the protocol.
    ///
    /// `patience` is the time limit for one reply; `deadline`, if given, ends all waiting.
    ///
    /// # Errors
    /// [`Error::Connect`] if no program listens; others if the program does not speak the protocol.
    pub fn connect(endpoint: &Endpoint, patience: Duration, deadline: Option<Instant>) -> Result<Client, Error> {
        let mut client = Client {
            connection: Connection::open(endpoint, patience)?,
            packet_size: DEFAULT_PACKET_SIZE,
            window: 1,
            patience,
            deadline,
            step_command: b"s",
            continue_command: b"c",
            running: false,
        };
        client.negotiate()?;
        Ok(client)
    }

    fn negotiate(&mut self) -> Result<(), Error> {
        let features = self.ask(b"qSupported:xmlRegisters=riscv;swbreak+;hwbreak+", "qSupported")?.to_vec();
        for feature in features.split(|&byte| byte == b';') {
            if let Some(size) = feature.strip_prefix(b"PacketSize=").and_then(hex_number) {
                // At least the size of a register: a hostile stub may report 0.
                self.packet_size = (size as usize).clamp(64, LIMIT);
            }
            if feature == b"QStartNoAckMode+" && self.ask(b"QStartNoAckMode", "QStartNoAckMode")? == b"OK" {
                self.connection.stop_acks();
                self.allow_pipelining();
            }
        }
        let actions = self.ask(b"vCont?", "vCont?")?;
        if actions.starts_with(b"vCont") && [b'c', b's'].iter().all(|action| actions.contains(action)) {
            self.step_command = b"vCont;s";
            self.continue_command = b"vCont;c";
        }
        Ok(())
    }

    /// Allows sending requests before earlier replies have arrived, while the machine is stopped.
    ///
    /// For stubs without acks, and for those that take a packet for an ack. The number of requests in flight is limited: with
    /// thousands, both sides block on full sockets.
    pub fn allow_pipelining(&mut self) {
        self.window = 16;
    }

    /// The stub's name in errors.
    pub fn name(&self) -> &str {
        self.connection.name()
    }

    /// The time limit for the next reply.
    pub(super) fn limit(&self) -> Duration {
        self.within(self.patience)
    }

    fn within(&self, wanted: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(wanted, |left| left.min(wanted))
    }

    /// Sends a packet and returns the reply, whatever it is.
    pub(super) fn ask(&mut self, command: &[u8], name: &str) -> Result<&[u8], Error> {
        let limit = self.limit();
        self.connection.queue(command);
        self.connection.flush(name)?;
        self.connection.require(name, limit)
    }

    /// Like [`Client::ask`], but an empty reply and an error number are errors.
    pub(super) fn request(&mut self, command: &[u8], name: &str) -> Result<&[u8], Error> {
        let from = self.connection.name().to_owned();
        checked(self.ask(command, name)?, &from, name)
    }

    pub(super) fn expect_ok(&mut self, command: &[u8], name: &str) -> Result<(), Error> {
        let reply = self.request(command, name)?;
        if reply == b"OK" {
            return Ok(());
        }
        let reply = reply.to_vec();
        Err(self.connection.unexpected(name, &reply, "OK"))
    }

    /// Whether the stub supports the query: QEMU supports `qqemu.sstepbits`.
    pub fn knows(&mut self, query: &str) -> Result<bool, Error> {
        Ok(!self.ask(query.as_bytes(), query)?.is_empty())
    }

    /// The registers that the stub has, from its target description.
    pub fn description(&mut self) -> Result<Description, Error> {
        let name = "qXfer:features:read";
        Description::read(&mut |annex| self.annex(annex, name)).map_err(|fault| match fault {
            DescriptionError::Stub(error) => error,
            DescriptionError::Malformed(what) => Error::Unexpected {
                from: self.connection.name().into(),
                command: name.into(),
                reply: what,
                expected: "a target description".into(),
            },
        })
    }

    /// Reads one document of the target description, in pieces.
    fn annex(&mut self, annex: &str, name: &str) -> Result<String, Error> {
        let mut text = Vec::new();
        loop {
            let command = format!("{name}:{annex}:{:x},{:x}", text.len(), self.packet_size - 16);
            let reply = self.request(command.as_bytes(), name)?;
            let (more, piece) = match reply.split_first() {
                Some((b'm', piece)) if !piece.is_empty() => (true, piece),
                Some((b'l', piece)) => (false, piece),
                _ => {
                    let reply = reply.to_vec();
                    return Err(self.connection.unexpected(name, &reply, "a piece of a document"));
                }
            };
            text.extend_from_slice(piece);
            if text.len() > DESCRIPTION_LIMIT {
                let (from, awaited) = (self.connection.name().to_owned(), name.to_owned());
                return Err(Error::TooLong { from, awaited, limit: DESCRIPTION_LIMIT });
            }
            if !more {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }

    /// Why the machine is stopped now.
    pub fn stop_reason(&mut self) -> Result<StopReply, Error> {
        let name = "? (why the machine is stopped)";
        let reply = self.request(b"?", name)?.to_vec();
        StopReply::parse(&reply).ok_or_else(|| self.connection.unexpected(name, &reply, "a stop reply"))
    }

    /// Whether the stub supports `vCont`, which can step one thread while the others are stopped.
    pub(super) fn takes_actions(&self) -> bool {
        self.step_command.starts_with(b"vCont")
    }

    /// Executes one instruction; `None` if it takes longer than `limit`. Then call [`Client::interrupt`].
    ///
    /// If there are several threads, `thread` executes it, and the others are stopped.
    pub fn step(&mut self, thread: Option<Thread>, limit: Duration) -> Result<Option<StopReply>, Error> {
        match thread {
            Some(thread) => self.connection.queue(format!("vCont;s:{thread}").as_bytes()),
            None => self.connection.queue(self.step_command),
        }
        self.run(limit)
    }

    /// Runs all threads, or only `alone`; `None` if nothing stops them within `limit`. Then call [`Client::interrupt`].
    pub fn resume(&mut self, alone: Option<Thread>, limit: Duration) -> Result<Option<StopReply>, Error> {
        match alone {
            Some(thread) => self.connection.queue(format!("vCont;c:{thread}").as_bytes()),
            None => self.connection.queue(self.continue_command),
        }
        self.run(limit)
    }

    /// Runs the machine and does not wait; [`Client::stopped`] waits.
    pub fn start(&mut self) -> Result<(), Error> {
        self.connection.queue(self.continue_command);
        self.connection.flush("a stop")?;
        self.running = true;
        Ok(())
    }

    /// The stop of a running machine; `None` while it runs.
    pub fn stopped(&mut self, limit: Duration) -> Result<Option<StopReply>, Error> {
        self.await_stop(limit)
    }

    /// Runs a command of the stub's monitor, and returns its output.
    ///
    /// Source: the GDB manual, section "General Query Packets", qRcmd.
    pub fn monitor(&mut self, command: &str) -> Result<String, Error> {
        let name = "qRcmd (a monitor command)";
        let mut packet = b"qRcmd,".to_vec();
        to_hex(command.as_bytes(), &mut packet);
        let from = self.connection.name().to_owned();
        let limit = self.limit();
        self.connection.queue(&packet);
        self.connection.flush(name)?;
        let mut text = Vec::new();
        loop {
            let reply = checked(self.connection.require(name, limit)?, &from, name)?;
            if reply == b"OK" {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            // Packets with output start with O. A packet without O is the last.
            let (more, digits) = match reply {
                [b'O', digits @ ..] => (true, digits),
                digits => (false, digits),
            };
            let mut bytes = vec![0; digits.len() / 2];
            if !from_hex(digits, &mut bytes) {
                let reply = reply.to_vec();
                return Err(self.connection.unexpected(name, &reply, "its output in hexadecimal"));
            }
            text.extend(bytes);
            if text.len() > LIMIT {
                return Err(Error::TooLong { from, awaited: name.into(), limit: LIMIT });
            }
            if !more {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }

    fn run(&mut self, limit: Duration) -> Result<Option<StopReply>, Error> {
        self.connection.flush("a stop")?;
        self.running = true;
        self.await_stop(limit)
    }

    /// Waits for the stop of a running machine.
    fn await_stop(&mut self, limit: Duration) -> Result<Option<StopReply>, Error> {
        let name = "a stop";
        let deadline = Instant::now() + self.within(limit);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(reply) = self.connection.receive(name, left)? else { return Ok(None) };
            if let Some(stop) = StopReply::parse(reply) {
                self.running = false;
                return Ok(Some(stop));
            }
            // Console output. The stop reply follows.
            let is_console = matches!(reply, [b'O', text @ ..] if text.iter().all(|byte| digit(*byte).is_some()));
            if !is_console {
                let reply = reply.to_vec();
                return Err(self.connection.unexpected(name, &reply, "a stop reply"));
            }
        }
    }

    /// Stops a running machine. It may have stopped by itself meanwhile: see the returned stop.
    pub fn interrupt(&mut self) -> Result<StopReply, Error> {
        const INTERRUPT: u8 = 3;
        let name = "the stop after an interrupt";
        self.connection.send_byte(INTERRUPT, name)?;
        // The deadline may be the reason for the interrupt. The reply to it still gets its time.
        let patience = self.patience;
        let deadline = self.deadline.take();
        let stop = self.await_stop(patience);
        self.deadline = deadline;
        let from = self.connection.name().to_owned();
        stop?.ok_or(Error::Timeout { from, awaited: name.into(), after: patience })
    }

    /// Ends the machine. The stub closes the connection, or does not reply.
    pub fn kill(&mut self) -> Result<(), Error> {
        if self.running {
            self.interrupt()?;
        }
        self.connection.queue(b"k");
        self.connection.flush("k (kill)")
    }

    /// Detaches; the machine runs on.
    pub fn detach(&mut self) -> Result<(), Error> {
        if self.running {
            self.interrupt()?;
        }
        self.expect_ok(b"D", "D (detach)")
    }
}

/// Returns the reply, unless the command is unsupported or failed.
pub(super) fn checked<'a>(reply: &'a [u8], from: &str, command: &str) -> Result<&'a [u8], Error> {
    match reply {
        [] => Err(Error::Unsupported { from: from.into(), command: command.into() }),
        [b'E', high, low] => match digit(*high).zip(digit(*low)) {
            Some((high, low)) => {
                Err(Error::Refused { from: from.into(), command: command.into(), code: high << 4 | low })
            }
            None => Ok(reply),
        },
        [b'E', b'.', words @ ..] => Err(Error::Unexpected {
            from: from.into(),
            command: command.into(),
            reply: excerpt(words),
            expected: "success".into(),
        }),
        _ => Ok(reply),
    }
}
