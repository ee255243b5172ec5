//! Frames: bytes on the wire <-> packets. It does not know what a packet means or where the bytes come from.
//!
//! ```text
//! stream   = { ack | packet | notification | noise }
//! ack      = '+' | '-'
//! packet   = '$' data '#' hex hex        the sum of data's bytes, modulo 256
//! notification = '%' data '#' hex hex
//! data     = { plain | '}' escaped | '*' count }
//! escaped  = byte XOR 0x20
//! count    = repetitions of the byte before, plus 29: ' ' is 3, '~' is 97
//! ```
//! Source: the GDB manual, section "Overview" of "GDB Remote Serial Protocol".

/// The longest frame in bytes, on the wire and expanded: longer than any reply that we request.
pub const LIMIT: usize = 1 << 20;

/// How many bytes between frames are skipped before it is an error.
const NOISE_LIMIT: usize = 1 << 12;

/// Appends `payload` to `wire` as a packet, with escapes where needed.
pub fn encode(payload: &[u8], wire: &mut Vec<u8>) {
    wire.push(b'$');
    let start = wire.len();
    for &byte in payload {
        if matches!(byte, b'$' | b'#' | b'}' | b'*') {
            wire.extend([b'}', byte ^ 0x20]);
        } else {
            wire.push(byte);
        }
    }
    let sum = checksum(&wire[start..]);
    wire.extend([b'#', HEX[usize::from(sum >> 4)], HEX[usize::from(sum & 15)]]);
}

/// The lower-case hexadecimal digits.
pub const HEX: &[u8; 16] = b"0123456789abcdef";

/// The value of one hexadecimal digit of either case.
pub fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

fn checksum(data: &[u8]) -> u8 {
    data.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// An item of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameEvent {
    Ack,
    Nack,
    /// A packet; its data is in [`Decoder::data`].
    Packet,
    Notification,
}

/// A violation of the grammar.
#[derive(Debug, PartialEq, Eq)]
pub enum Violation {
    /// The packet was skipped; it can be requested again.
    Damaged(&'static str),
    /// This is not the protocol at all.
    Noise,
    /// The frame is longer than [`LIMIT`].
    TooLong,
}

/// Turns bytes, in portions of any size, into events.
#[derive(Default)]
pub struct Decoder {
    received: Vec<u8>,
    /// Where the next event starts in `received`.
    start: usize,
    /// The frame at `start` has no '#' before this position.
    searched: usize,
    noise: usize,
    data: Vec<u8>,
}

impl Decoder {
    /// Adds bytes from the wire.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.received.len() {
            self.received.clear();
            self.start = 0;
            self.searched = 0;
        } else if self.start > LIMIT {
            self.received.drain(..self.start);
            self.searched = self.searched.saturating_sub(self.start);
            self.start = 0;
        }
        self.received.extend_from_slice(bytes);
    }

    /// The data of the last [`Event::Packet`], expanded and unescaped.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Whether a frame has started and not ended.
    pub fn in_frame(&self) -> bool {
        self.start < self.received.len()
    }

    /// The next event; `None` if more bytes are needed.
    pub fn next(&mut self) -> Option<Result<FrameEvent, Violation>> {
        while let Some(&first) = self.received.get(self.start) {
            match first {
                b'+' => return Some(Ok(self.single(FrameEvent::Ack))),
                b'-' => return Some(Ok(self.single(FrameEvent::Nack))),
                b'$' | b'%' => return self.frame(first),
                _ => {
                    self.start += 1;
                    self.noise += 1;
                    if self.noise > NOISE_LIMIT {
                        return Some(Err(Violation::Noise));
                    }
                }
            }
        }
        None
    }

    fn single(&mut self, event: FrameEvent) -> FrameEvent {
        self.start += 1;
        event
    }

    /// The frame at `start`, if it is complete.
    fn frame(&mut self, first: u8) -> Option<Result<FrameEvent, Violation>> {
        let from = self.searched.max(self.start + 1);
        let Some(length) = self.received[from..].iter().position(|&byte| byte == b'#') else {
            self.searched = self.received.len();
            return (self.received.len() - self.start > LIMIT).then(|| Err(self.give_up(Violation::TooLong)));
        };
        let hash = from + length;
        self.searched = hash;
        let &[high, low] = self.received.get(hash + 1..hash + 3)? else { return None };
        let begin = self.start + 1;
        self.start = hash + 3;
        self.searched = self.start;
        self.noise = 0;
        let raw = &self.received[begin..hash];
        if raw.len() > LIMIT {
            return Some(Err(Violation::TooLong));
        }
        let told = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
        if told != Some(checksum(raw)) {
            return Some(Err(Violation::Damaged("its checksum is wrong")));
        }
        Some(match expand(raw, &mut self.data) {
            Ok(()) if first == b'$' => Ok(FrameEvent::Packet),
            Ok(()) => Ok(FrameEvent::Notification),
            Err(violation) => Err(violation),
        })
    }

    fn give_up(&mut self, violation: Violation) -> Violation {
        self.received.clear();
        self.start = 0;
        self.searched = 0;
        violation
    }
}

/// Decodes run-length encoding, then escapes, in this order: a run repeats the byte on the wire.
fn expand(raw: &[u8], data: &mut Vec<u8>) -> Result<(), Violation> {
    data.clear();
    if !raw.iter().any(|byte| matches!(byte, b'*' | b'}')) {
        data.extend_from_slice(raw);
        return Ok(());
    }
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'*' {
            data.push(byte);
            continue;
        }
        let repetitions = match bytes.next() {
            Some(&count @ b' '..=b'~') => usize::from(count) - 29,
            _ => return Err(Violation::Damaged("a run has no count")),
        };
        let &last = data.last().ok_or(Violation::Damaged("a run repeats nothing"))?;
        if data.len() + repetitions > LIMIT {
            return Err(Violation::TooLong);
        }
        data.resize(data.len() + repetitions, last);
    }
    unescape(data)
}

fn unescape(data: &mut Vec<u8>) -> Result<(), Violation> {
    let mut kept = 0;
    let mut next = 0;
    while next < data.len() {
        let mut byte = data[next];
        if byte == b'}' {
            next += 1;
            byte = 0x20 ^ *data.get(next).ok_or(Violation::Damaged("an escape ends the packet"))?;
        }
        data[kept] = byte;
        kept += 1;
        next += 1;
    }
    data.truncate(kept);
    Ok(())
}

/// Parses a number in big-endian hexadecimal, at most 64 bits.
pub fn hex_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |value, &byte| Some(value << 4 | u64::from(digit(byte)?)))
}

/// Appends two digits for each byte.
pub fn to_hex(bytes: &[u8], text: &mut Vec<u8>) {
    text.extend(bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
}

/// Decodes hexadecimal `text` into `bytes`. Returns false unless it has exactly as many bytes.
pub fn from_hex(text: &[u8], bytes: &mut [u8]) -> bool {
    if text.len() != 2 * bytes.len() {
        return false;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let Some((high, low)) = digit(pair[0]).zip(digit(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    true
}

#[cfg(test)]
mod tests;
