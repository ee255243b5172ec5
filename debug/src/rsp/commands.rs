//! Commands for registers by the stub's numbers, memory in several packets, breakpoints and watchpoints; threads,
//! which are harts; and the encoding of all of them.
//!
//! Large transfers have several packets in flight. It does not know what the bytes mean, and does not remember breakpoints.

use std::ops::Range;

use super::client::{Client, checked};
use super::error::{Error, excerpt};
use super::frame::{from_hex, to_hex};
use super::stop::Thread;

/// The most threads that are listed: more than a machine has harts, in case a stub lists threads for ever.
const THREADS: usize = 4096;

/// The kind of addresses that QEMU's stub uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Virtual addresses, translated as for the hart.
    Virtual = 0,
    /// Physical addresses.
    Physical = 1,
}

impl Client {
    /// Sets the kind of addresses. Only QEMU's stub supports the packet.
    pub fn take_addresses_as(&mut self, addresses: Addresses) -> Result<(), Error> {
        let command = format!("Qqemu.PhyMemMode:{}", addresses as u8);
        self.expect_ok(command.as_bytes(), "Qqemu.PhyMemMode (physical or virtual addresses)")
    }

    /// Reads the general registers with `g`, at least `bytes.len()` bytes.
    pub fn read_general_registers(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let name = "g (read the general registers)";
        let reply = self.request(b"g", name)?;
        if reply.len() >= 2 * bytes.len() && from_hex(&reply[..2 * bytes.len()], bytes) {
            return Ok(());
        }
        let reply = reply.to_vec();
        Err(self.connection.unexpected(name, &reply, format!("{} bytes in hexadecimal", bytes.len())))
    }

    /// Reads one register of `bytes.len()` bytes.
    pub fn read_register(&mut self, number: u32, bytes: &mut [u8]) -> Result<(), Error> {
        let name = format!("p{number:x} (read register {number})");
        let reply = self.request(format!("p{number:x}").as_bytes(), &name)?;
        if from_hex(reply, bytes) {
            return Ok(());
        }
        let reply = reply.to_vec();
        Err(self.connection.unexpected(&name, &reply, format!("{} bytes in hexadecimal", bytes.len())))
    }

    /// Reads registers by number and size in bytes (1 to 8), with several requests in flight.
    pub fn read_registers(&mut self, registers: &[(u32, usize)]) -> Result<Vec<[u8; 8]>, Error> {
        let mut values = Vec::with_capacity(registers.len());
        self.pipeline(
            registers,
            "registers",
            |(number, _), command| command.extend(format!("p{number:x}").bytes()),
            |(number, bytes), reply, from| {
                let name = format!("p{number:x} (read register {number})");
                let reply = checked(reply, from, &name)?;
                let mut value = [0; 8];
                if !value.get_mut(..bytes).is_some_and(|value| from_hex(reply, value)) {
                    let (reply, expected) = (excerpt(reply), format!("{bytes} bytes in hexadecimal"));
                    return Err(Error::Unexpected { from: from.into(), command: name, reply, expected });
                }
                values.push(value);
                Ok(())
            },
        )?;
        Ok(values)
    }

    /// Writes all bytes of one register.
    pub fn write_register(&mut self, number: u32, bytes: &[u8]) -> Result<(), Error> {
        let mut command = format!("P{number:x}=").into_bytes();
        to_hex(bytes, &mut command);
        self.expect_ok(&command, &format!("P{number:x} (write register {number})"))
    }
}

impl Client {
    /// Fills `bytes` from memory, in packets as large as the stub accepts.
    pub fn read_memory(&mut self, start: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let size = (self.packet_size - 16) / 2;
        let pieces = pieces(start, bytes.len(), size);
        let mut chunks = bytes.chunks_mut(size);
        self.pipeline(
            &pieces,
            "a memory transfer",
            |(start, range), command| command.extend(format!("m{start:x},{:x}", range.len()).bytes()),
            |(start, range), reply, from| {
                let name = format!("m{start:x},{:x} (read memory)", range.len());
                let reply = checked(reply, from, &name)?;
                if chunks.next().is_some_and(|chunk| from_hex(reply, chunk)) {
                    return Ok(());
                }
                let expected = format!("all {} bytes in hexadecimal", range.len());
                Err(Error::Unexpected { from: from.into(), command: name, reply: excerpt(reply), expected })
            },
        )
    }

    /// Writes `bytes` to memory, in packets as large as the stub accepts.
    pub fn write_memory(&mut self, start: u64, bytes: &[u8]) -> Result<(), Error> {
        let pieces = pieces(start, bytes.len(), (self.packet_size - 40) / 2);
        self.pipeline(
            &pieces,
            "a memory transfer",
            |(start, range), command| {
                command.extend(format!("M{start:x},{:x}:", range.len()).bytes());
                to_hex(&bytes[range], command);
            },
            |(start, range), reply, from| {
                let name = format!("M{start:x},{:x} (write memory)", range.len());
                match checked(reply, from, &name)? {
                    b"OK" => Ok(()),
                    reply => {
                        let (reply, expected) = (excerpt(reply), "OK".into());
                        Err(Error::Unexpected { from: from.into(), command: name, reply, expected })
                    }
                }
            },
        )
    }

    /// Sends a request for each piece, with up to `window` of them in flight.
    ///
    /// All replies are read even after a bad one, so that the next command does not get an old reply.
    pub(super) fn pipeline<P: Clone>(
        &mut self,
        pieces: &[P],
        what: &str,
        mut request: impl FnMut(P, &mut Vec<u8>),
        mut reply: impl FnMut(P, &[u8], &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = &format!("the replies for {what}");
        let from = self.connection.name().to_owned();
        let (mut sent, mut outcome) = (0, Ok(()));
        let mut command = Vec::new();
        for (received, piece) in pieces.iter().enumerate() {
            while sent < pieces.len() && sent < received + self.window && outcome.is_ok() {
                command.clear();
                request(pieces[sent].clone(), &mut command);
                self.connection.queue(&command);
                sent += 1;
            }
            if received == sent {
                break;
            }
            self.connection.flush(name)?;
            let limit = self.limit();
            let data = self.connection.require(name, limit)?;
            if outcome.is_ok() {
                outcome = reply(piece.clone(), data, &from);
            }
        }
        outcome
    }
}

/// A part of a memory transfer: its address, and its range in the bytes.
type Piece = (u64, Range<usize>);

/// Splits `length` bytes at `start` into pieces of at most `size` bytes.
fn pieces(start: u64, length: usize, size: usize) -> Vec<Piece> {
    let ends = |begin: usize| begin..length.min(begin + size);
    (0..length).step_by(size).map(|begin| (start.wrapping_add(begin as u64), ends(begin))).collect()
}

/// The kind of a watchpoint, the digit after `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// Stores.
    Write = 2,
    /// Loads.
    Read = 3,
    /// Loads and stores.
    Access = 4,
}

impl Client {
    /// Inserts a breakpoint on an instruction of `kind` bytes (2 or 4).
    pub fn insert_breakpoint(&mut self, address: u64, kind: u8) -> Result<(), Error> {
        self.expect_ok(format!("Z0,{address:x},{kind}").as_bytes(), "Z0 (insert a breakpoint)")
    }

    /// Removes a breakpoint.
    pub fn remove_breakpoint(&mut self, address: u64, kind: u8) -> Result<(), Error> {
        self.expect_ok(format!("z0,{address:x},{kind}").as_bytes(), "z0 (remove a breakpoint)")
    }

    /// Inserts a watchpoint on `length` bytes at `address`.
    pub fn insert_watchpoint(&mut self, kind: WatchKind, address: u64, length: u64) -> Result<(), Error> {
        let command = format!("Z{},{address:x},{length:x}", kind as u8);
        self.expect_ok(command.as_bytes(), &format!("Z{} (insert a watchpoint)", kind as u8))
    }

    /// Removes a watchpoint.
    pub fn remove_watchpoint(&mut self, kind: WatchKind, address: u64, length: u64) -> Result<(), Error> {
        let command = format!("z{},{address:x},{length:x}", kind as u8);
        self.expect_ok(command.as_bytes(), &format!("z{} (remove a watchpoint)", kind as u8))
    }
}

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
