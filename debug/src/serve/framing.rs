//! Finds the start and end of packets in a client's bytes, to tell a NACK (`-`) between packets from a `-` within one.
//!
//! Source: the GDB manual, sections "Overview" and "Packet Acknowledgment" of the remote protocol. It does not know the packets.

/// A NACK: the client wants the reply again. GDB sends it after every two seconds (`remotetimeout`) without a reply.
pub const SEND_AGAIN: u8 = b'-';

/// An ACK: a packet has come. Both sides send it for every packet, clients also for those that show progress.
pub const RECEIVED: u8 = b'+';

/// The position in the client's bytes.
#[derive(Debug, Default)]
pub enum Framing {
    #[default]
    Between,
    /// Between `$` and `#`. A `#` in the content is escaped.
    Content,
    /// In the checksum, with the number of digits that are still missing.
    Checksum(u8),
}

impl Framing {
    /// Handles the next byte. Returns true if it is a NACK.
    ///
    /// NACKs can be ignored: a socket loses nothing, so every reply arrives.
    pub fn is_nack(&mut self, byte: u8) -> bool {
        *self = match (&self, byte) {
            (Framing::Between | Framing::Content, b'$') => Framing::Content,
            (Framing::Content, b'#') => Framing::Checksum(2),
            (Framing::Content, _) => Framing::Content,
            (Framing::Checksum(left), _) if *left > 1 => Framing::Checksum(left - 1),
            (Framing::Checksum(_), _) => Framing::Between,
            (Framing::Between, SEND_AGAIN) => return true,
            (Framing::Between, _) => Framing::Between,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient(bytes: &[u8]) -> Vec<usize> {
        let mut framing = Framing::default();
        (0..bytes.len()).filter(|index| framing.is_nack(bytes[*index])).collect()
    }

    #[test]
    fn a_minus_between_packets_is_impatience() {
        assert_eq!(impatient(b"-+-$g#67--\x03-$Hg-1#e0-"), [0, 2, 8, 9, 11, 20]);
    }

    #[test]
    fn a_minus_within_a_packet_is_content() {
        assert_eq!(impatient(b"$-#-d$vCont;s:p1.-1#--"), [] as [usize; 0]);
    }
}
