//! Stop replies: why the stub's machine stopped. Pure.
//!
//! ```text
//! stop   = 'S' signal | 'T' signal { pair ';' } | ('W' | 'X') status [ ';' ... ]
//! pair   = name ':' value              name: a register number, thread, watch, rwatch, awatch, replaylog, swbreak ...
//! signal = hex hex
//! ```
//! Source: the GDB manual, section "Stop Reply Packets".

use std::fmt;

use super::frame::{digit, hex_number};

/// A stop reply, with the parts that this project uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReply {
    /// Stopped by a signal (GDB's numbers: 5 is SIGTRAP), perhaps at a watchpoint on `watch`.
    Signal {
        /// GDB's signal number.
        number: u8,
        /// The address of the watched access.
        watch: Option<u64>,
        /// The thread (a hart) that stopped, if the stub tells.
        thread: Option<Thread>,
    },
    /// When going back: the start of the history was reached (`replaylog:begin`).
    Beginning,
    /// The end of the history was reached: nothing is left to execute, for example after power-off (`replaylog:end`).
    End,
    /// The machine exited with this status.
    Exited(u8),
    /// A signal ended the machine.
    Killed(u8),
}

/// A thread (a hart) by the stub's name: `TID`, or `pPID.TID`, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    process: Option<u64>,
    number: u64,
}

impl Thread {
    /// Parses a name; `None` if `text` does not name a single thread.
    pub fn parse(text: &[u8]) -> Option<Thread> {
        let Some(both) = text.strip_prefix(b"p") else {
            return Some(Thread { process: None, number: hex_number(text)? });
        };
        let dot = both.iter().position(|&byte| byte == b'.')?;
        Some(Thread { process: Some(hex_number(&both[..dot])?), number: hex_number(&both[dot + 1..])? })
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(formatter, "p{process:x}.{:x}", self.number),
            None => write!(formatter, "{:x}", self.number),
        }
    }
}

impl StopReply {
    /// Parses a stop reply; `None` if `reply` is not one.
    pub fn parse(reply: &[u8]) -> Option<StopReply> {
        let (&kind, rest) = reply.split_first()?;
        let (number, rest) = rest.split_at_checked(2)?;
        let number = digit(number[0])? << 4 | digit(number[1])?;
        match kind {
            b'S' if rest.is_empty() => Some(StopReply::Signal { number, watch: None, thread: None }),
            b'T' => pairs(number, rest),
            b'W' => Some(StopReply::Exited(number)),
            b'X' => Some(StopReply::Killed(number)),
            _ => None,
        }
    }
}

/// Parses the pairs of a `T` reply; `None` if one is malformed.
fn pairs(number: u8, pairs: &[u8]) -> Option<StopReply> {
    let (mut watch, mut thread, mut end) = (None, None, None);
    for pair in pairs.split(|&byte| byte == b';').filter(|pair| !pair.is_empty()) {
        let colon = pair.iter().position(|&byte| byte == b':')?;
        match (&pair[..colon], &pair[colon + 1..]) {
            (b"watch" | b"rwatch" | b"awatch", address) => watch = Some(hex_number(address)?),
            (b"thread", name) => thread = Thread::parse(name),
            (b"replaylog", b"begin") => end = Some(StopReply::Beginning),
            (b"replaylog", b"end") => end = Some(StopReply::End),
            (b"replaylog", _) => return None,
            _ => {}
        }
    }
    Some(end.unwrap_or(StopReply::Signal { number, watch, thread }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_breakpoint_is_sigtrap() {
        let thread = Thread::parse(b"01");
        assert_eq!(StopReply::parse(b"T05thread:01;"), Some(StopReply::Signal { number: 5, watch: None, thread }));
        assert_eq!(StopReply::parse(b"S05"), Some(StopReply::Signal { number: 5, watch: None, thread: None }));
    }

    #[test]
    fn a_watchpoint_names_its_address() {
        let stop = StopReply::parse(b"T05thread:p01.01;watch:80203940;");
        let thread = Thread::parse(b"p1.1");
        assert_eq!(stop, Some(StopReply::Signal { number: 5, watch: Some(0x8020_3940), thread }));
    }

    #[test]
    fn a_thread_is_named_as_the_stub_names_it() {
        for (text, name) in [(&b"1a"[..], "1a"), (b"p01.03", "p1.3")] {
            assert_eq!(Thread::parse(text).map(|thread| thread.to_string()).as_deref(), Some(name));
        }
        for text in [&b""[..], b"p1", b"p1.", b"p.1", b"-1", b"p1.-1", b"x"] {
            assert_eq!(Thread::parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn the_end_of_the_machine_has_a_status() {
        assert_eq!(StopReply::parse(b"W00"), Some(StopReply::Exited(0)));
        assert_eq!(StopReply::parse(b"X09"), Some(StopReply::Killed(9)));
    }

    #[test]
    fn the_ends_of_a_run_are_told_from_a_signal() {
        assert_eq!(StopReply::parse(b"T05replaylog:begin;"), Some(StopReply::Beginning));
        assert_eq!(StopReply::parse(b"T05thread:01;replaylog:end;"), Some(StopReply::End));
    }

    #[test]
    fn anything_else_is_none() {
        let pairs = [&b"T05watch;"[..], b"T05watch:zz;", b"T05replaylog:;", b"T05replaylog:middle;"];
        for reply in [&b""[..], b"T", b"T5", b"Txx", b"OK", b"E01", b"S05x"].into_iter().chain(pairs) {
            assert_eq!(StopReply::parse(reply), None, "{}", reply.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn hostile_replies_are_survived(reply: Vec<u8>) {
            StopReply::parse(&reply);
        }
    }
}
