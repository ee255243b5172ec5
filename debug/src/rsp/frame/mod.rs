//! Frames: bytes on the wire <-> packets. It does not know what a packet means, nor where the bytes come from.
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

/// What a frame may grow to, on the wire and expanded: more than any reply that we ask for.
pub const LIMIT: usize = 1 << 20;

/// Bytes that are no part of a frame are passed over, up to this many in a row.
const NOISE_LIMIT: usize = 1 << 12;

/// Appends `payload` as a packet to `wire`, escaping what must not stand in one.
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

/// What came out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameEvent {
    Ack,
    Nack,
    /// The packet's data is in [`Decoder::data`].
    Packet,
    Notification,
}

/// What does not fit the grammar.
#[derive(Debug, PartialEq, Eq)]
pub enum Violation {
    /// The packet was passed over: asking for it again makes sense.
    Damaged(&'static str),
    /// Not this protocol at all.
    Noise,
    /// A frame past [`LIMIT`].
    TooLong,
}

/// Takes bytes in any portions and gives events.
#[derive(Default)]
pub struct Decoder {
    received: Vec<u8>,
    /// Where in `received` the next event begins.
    start: usize,
    /// Up to where the frame at `start` is known to hold no '#'.
    searched: usize,
    noise: usize,
    data: Vec<u8>,
}

impl Decoder {
    /// Bytes from the wire.
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

    /// Whether a frame has begun that has not ended.
    pub fn in_frame(&self) -> bool {
        self.start < self.received.len()
    }

    /// The next event; `None` until more bytes come.
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

    /// The frame that begins at `start`, if all of it is here.
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

/// Undoes run-length encoding, then escapes: in this order, as a run repeats the byte that stands on the wire.
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

#[cfg(test)]
mod tests;
