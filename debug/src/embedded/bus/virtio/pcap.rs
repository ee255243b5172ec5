//! The file format for packets that tcpdump and Wireshark read and write (pcap). It does not know who sent them.
//!
//! Source: "PCAP Capture File Format" (draft-ietf-opsawg-pcap), sections "File Header" and "Packet Record".

const HEADER: usize = 24;
const RECORD: usize = 16;
/// The first word: times are in microseconds, or in nanoseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
const LONGEST: u32 = 262_144;
const ETHERNET: u32 = 1;
const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// In nanoseconds.
    pub time: u64,
    pub bytes: Vec<u8>,
}

/// Why bytes are no packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first word is another.
    #[error("it is not a pcap file")]
    Kind,
    /// They are not Ethernet's.
    #[error("its packets are not Ethernet's: link type {0}")]
    Link(u32),
    /// A packet is longer than the file, or than any packet.
    #[error("it ends within a packet")]
    Short,
}

/// The packets of a file; times that go back stand still.
pub fn parse(bytes: &[u8]) -> Result<Vec<Packet>, Error> {
    let header = bytes.get(..HEADER).ok_or(Error::Kind)?;
    let first = word(header, 0, u32::from_le_bytes);
    let (read, kind): (fn([u8; 4]) -> u32, u32) = match first {
        MICROSECONDS | NANOSECONDS => (u32::from_le_bytes, first),
        _ => (u32::from_be_bytes, first.swap_bytes()),
    };
    let fraction = match kind {
        MICROSECONDS => 1000,
        NANOSECONDS => 1,
        _ => return Err(Error::Kind),
    };
    let link = word(header, 20, read) & 0xffff;
    if link != ETHERNET {
        return Err(Error::Link(link));
    }
    let (mut rest, mut packets) = (&bytes[HEADER..], Vec::<Packet>::new());
    while !rest.is_empty() {
        let record = rest.get(..RECORD).ok_or(Error::Short)?;
        let time = u64::from(word(record, 0, read)) * SECOND + u64::from(word(record, 4, read)) * fraction;
        let length = word(record, 8, read) as usize;
        let bytes = rest.get(RECORD..).and_then(|rest| rest.get(..length)).ok_or(Error::Short)?.to_vec();
        let time = packets.last().map_or(time, |last| time.max(last.time));
        packets.push(Packet { time, bytes });
        rest = &rest[RECORD + length..];
    }
    Ok(packets)
}

/// A file of these packets, whose times are in nanoseconds after `begin`.
pub fn write<'a>(packets: impl Iterator<Item = &'a Packet>, begin: u64) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(NANOSECONDS.to_le_bytes());
    file.extend(VERSION.iter().flat_map(|number| number.to_le_bytes()));
    for number in [0, 0, LONGEST, ETHERNET] {
        file.extend(number.to_le_bytes());
    }
    for packet in packets {
        let (time, length) = (begin + packet.time, packet.bytes.len() as u32);
        for number in [(time / SECOND) as u32, (time % SECOND) as u32, length, length] {
            file.extend(number.to_le_bytes());
        }
        file.extend(&packet.bytes);
    }
    file
}

fn word(bytes: &[u8], at: usize, read: fn([u8; 4]) -> u32) -> u32 {
    read(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let packets = [Packet { time: 5, bytes: vec![1, 2, 3] }, Packet { time: 2_000_000_007, bytes: vec![4; 60] }];
        assert_eq!(parse(&write(packets.iter(), 0)).unwrap(), packets);
    }

    #[test]
    fn the_other_byte_order_and_microseconds_are_read() {
        let mut file = Vec::new();
        for word in [MICROSECONDS, 2 << 16 | 4, 0, 0, LONGEST, ETHERNET, 1, 2, 1, 1] {
            file.extend(word.to_be_bytes());
        }
        file.push(9);
        assert_eq!(parse(&file).unwrap(), [Packet { time: SECOND + 2000, bytes: vec![9] }]);
    }

    #[test]
    fn what_is_no_file_of_packets_is_refused() {
        let file = write([Packet { time: 0, bytes: vec![1, 2] }].iter(), 0);
        assert_eq!(parse(&file[..10]), Err(Error::Kind));
        assert_eq!(parse(&[0; 40]), Err(Error::Kind));
        assert_eq!(parse(&file[..file.len() - 1]), Err(Error::Short));
        assert_eq!(parse(&file[..30]), Err(Error::Short));
    }
}
