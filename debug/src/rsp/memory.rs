//! Memory, in as many packets as it takes, several of them in flight. It does not know what the bytes are.

use std::ops::Range;

use super::client::{Client, checked};
use super::error::{Error, excerpt};
use super::hex::{from_hex, to_hex};

impl Client {
    /// Fills `bytes` from memory, in packets as large as the stub takes.
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

    /// Writes `bytes` to memory, in packets as large as the stub takes.
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

    /// Makes a request for each piece of something, with up to `window` of them in flight.
    ///
    /// All replies are read even after a bad one, so that the next command does not meet this one's.
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

/// A part of a memory transfer: its address, and which of the bytes it is.
type Piece = (u64, Range<usize>);

/// Cuts `length` bytes from `start` into pieces of up to `size`.
fn pieces(start: u64, length: usize, size: usize) -> Vec<Piece> {
    let ends = |begin: usize| begin..length.min(begin + size);
    (0..length).step_by(size).map(|begin| (start.wrapping_add(begin as u64), ends(begin))).collect()
}
