//! Commands to a stub, and their replies checked: what comes back is complete, or an error.
//!
//! It does not know what the registers mean.

use std::time::{Duration, Instant};

use super::commands::hex_number;
use super::commands::{from_hex, to_hex};
use super::connection::Connection;
use super::error::{Error, excerpt};
use super::features::{Description, DescriptionError};
use super::frame::{LIMIT, digit};
use super::stop::{StopReply, Thread};
use crate::endpoint::Endpoint;

/// What the smallest stubs take in one packet, where a stub does not say.
const DEFAULT_PACKET_SIZE: usize = 400;
/// The longest target description that is read.
const DESCRIPTION_LIMIT: usize = LIMIT;

/// A conversation with a stub whose machine stands still between calls.
pub struct Client {
    pub(super) connection: Connection,
    /// The longest packet that the stub takes, in bytes.
    pub(super) packet_size: usize,
    /// How many requests may await their replies at once.
    pub(super) window: usize,
    patience: Duration,
    deadline: Option<Instant>,
    step_command: &'static [u8],
    continue_command: &'static [u8],
    running: bool,
}

impl Client {
    /// Connects and agrees on the features of the protocol.
    ///
    /// `patience` is how long one reply may take; `deadline`, where given, ends all waiting.
    ///
    /// # Errors
    /// [`Error::Connect`] where nobody listens; others where whoever listens does not speak the protocol.
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
                // Never less than a register's worth: a hostile size must not make chunks of nothing.
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

    /// Sends requests ahead of the replies to earlier ones, while the machine stands still.
    ///
    /// For stubs without acks, and for those known to take a packet for an ack. The window is bounded: with thousands
    /// of requests in flight both sides block on full sockets.
    pub fn allow_pipelining(&mut self) {
        self.window = 16;
    }

    /// Who answers, for errors.
    pub fn name(&self) -> &str {
        self.connection.name()
    }

    /// How long the next reply may take.
    pub(super) fn limit(&self) -> Duration {
        self.within(self.patience)
    }

    fn within(&self, wanted: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(wanted, |left| left.min(wanted))
    }

    /// One packet there, one back, whatever it says.
    pub(super) fn ask(&mut self, command: &[u8], name: &str) -> Result<&[u8], Error> {
        let limit = self.limit();
        self.connection.queue(command);
        self.connection.flush(name)?;
        self.connection.require(name, limit)
    }

    /// As [`Client::ask`], where an empty reply and an error number are errors.
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

    /// Whether the stub knows the query: QEMU knows `qqemu.sstepbits`.
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

    /// One document of the target description, in as many pieces as it takes.
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

    /// Why the machine stands still now.
    pub fn stop_reason(&mut self) -> Result<StopReply, Error> {
        let name = "? (why it stands still)";
        let reply = self.request(b"?", name)?.to_vec();
        StopReply::parse(&reply).ok_or_else(|| self.connection.unexpected(name, &reply, "a stop reply"))
    }

    /// Whether the stub knows `vCont`, by which one thread is stepped and others stand.
    pub(super) fn takes_actions(&self) -> bool {
        self.step_command.starts_with(b"vCont")
    }

    /// Executes one instruction; `None` when it takes longer than `limit`: then [`Client::interrupt`] ends it.
    ///
    /// Of several threads, `thread` is the one that executes it, and the others stand still.
    pub fn step(&mut self, thread: Option<Thread>, limit: Duration) -> Result<Option<StopReply>, Error> {
        match thread {
            Some(thread) => self.connection.queue(format!("vCont;s:{thread}").as_bytes()),
            None => self.connection.queue(self.step_command),
        }
        self.run(limit)
    }

    /// Lets all threads run; `None` when nothing stops it within `limit`: then [`Client::interrupt`] does.
    pub fn resume(&mut self, limit: Duration) -> Result<Option<StopReply>, Error> {
        self.start()?;
        self.await_stop(limit)
    }

    /// Lets the machine run, and does not wait: [`Client::stopped`] does.
    pub fn start(&mut self) -> Result<(), Error> {
        self.connection.queue(self.continue_command);
        self.connection.flush("a stop")?;
        self.running = true;
        Ok(())
    }

    /// The stop of a machine that was started; `None` while it runs.
    pub fn stopped(&mut self, limit: Duration) -> Result<Option<StopReply>, Error> {
        self.await_stop(limit)
    }

    /// Runs a command of the stub's own monitor; what it printed.
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
            // Output comes as it is made, marked O; an answer without the mark is the last.
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

    /// Waits for the stop of a machine that runs.
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
            // Console output: a stub that stops has more to say.
            let is_console = matches!(reply, [b'O', text @ ..] if text.iter().all(|byte| digit(*byte).is_some()));
            if !is_console {
                let reply = reply.to_vec();
                return Err(self.connection.unexpected(name, &reply, "a stop reply"));
            }
        }
    }

    /// Stops a machine that runs. It may have stopped by itself in the meantime: the stop says.
    pub fn interrupt(&mut self) -> Result<StopReply, Error> {
        const INTERRUPT: u8 = 3;
        let name = "the stop after an interrupt";
        self.connection.send_byte(INTERRUPT, name)?;
        // The deadline of the whole may be over, and is the reason to interrupt: the answer still gets its time.
        let patience = self.patience;
        let deadline = self.deadline.take();
        let stop = self.await_stop(patience);
        self.deadline = deadline;
        let from = self.connection.name().to_owned();
        stop?.ok_or(Error::Timeout { from, awaited: name.into(), after: patience })
    }

    /// Ends the machine. The stub answers with the end of the connection, or not at all.
    pub fn kill(&mut self) -> Result<(), Error> {
        if self.running {
            self.interrupt()?;
        }
        self.connection.queue(b"k");
        self.connection.flush("k (kill)")
    }

    /// Leaves the machine to itself: it runs on.
    pub fn detach(&mut self) -> Result<(), Error> {
        if self.running {
            self.interrupt()?;
        }
        self.expect_ok(b"D", "D (detach)")
    }
}

/// The reply, unless it says that the command is unknown or failed.
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
