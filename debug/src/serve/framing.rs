//! Where packets begin and end in what a client sends: so that a `-` between them can be told from one within.
//!
//! Source: the GDB manual, sections "Overview" and "Packet Acknowledgment" of the remote protocol. It does not know what packets say.

/// `-`: the answer is to be sent again. GDB sends it every two seconds (`remotetimeout`) in which none came.
pub const SEND_AGAIN: u8 = b'-';

/// Where in the client's bytes we are.
#[derive(Debug, Default)]
pub enum Framing {
    #[default]
    Between,
    /// Between `$` and `#`; a `#` of the content is escaped.
    Content,
    /// So many digits of the checksum are to come.
    Checksum(u8),
}

impl Framing {
    /// Takes the next byte; true where it only asks again for an answer.
    ///
    /// A socket loses nothing: what was answered arrives, and what takes long will be.
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
