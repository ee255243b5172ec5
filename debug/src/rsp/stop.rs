//! Stop replies: why the stub's machine stands still. Pure.
//!
//! ```text
//! stop   = 'S' signal | 'T' signal { pair ';' } | ('W' | 'X') status [ ';' ... ]
//! pair   = name ':' value              name: a register number, thread, watch, rwatch, awatch, swbreak, hwbreak ...
//! signal = hex hex
//! ```
//! Source: the GDB manual, section "Stop Reply Packets".

use super::frame::digit;
use super::hex::hex_number;

/// A stop reply, as far as a boot needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReply {
    /// Stopped by a signal (GDB's numbers: 5 is SIGTRAP), at a watchpoint on `watch` where there is one.
    Signal {
        /// GDB's signal number.
        number: u8,
        /// The address of the access that a watchpoint caught.
        watch: Option<u64>,
    },
    /// The machine ended by itself with this status.
    Exited(u8),
    /// The machine was ended by a signal.
    Killed(u8),
}

impl StopReply {
    /// `None` where `reply` is no stop reply.
    pub fn parse(reply: &[u8]) -> Option<StopReply> {
        let (&kind, rest) = reply.split_first()?;
        let (number, rest) = rest.split_at_checked(2)?;
        let number = digit(number[0])? << 4 | digit(number[1])?;
        match kind {
            b'S' if rest.is_empty() => Some(StopReply::Signal { number, watch: None }),
            b'T' => Some(StopReply::Signal { number, watch: watch(rest)? }),
            b'W' => Some(StopReply::Exited(number)),
            b'X' => Some(StopReply::Killed(number)),
            _ => None,
        }
    }
}

/// The address that a pair of a `T` reply names; `None` where a pair is malformed.
fn watch(pairs: &[u8]) -> Option<Option<u64>> {
    let mut address = None;
    for pair in pairs.split(|&byte| byte == b';').filter(|pair| !pair.is_empty()) {
        let colon = pair.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&pair[..colon], &pair[colon + 1..]);
        if matches!(name, b"watch" | b"rwatch" | b"awatch") {
            address = Some(hex_number(value)?);
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_breakpoint_is_sigtrap() {
        assert_eq!(StopReply::parse(b"T05thread:01;"), Some(StopReply::Signal { number: 5, watch: None }));
        assert_eq!(StopReply::parse(b"S05"), Some(StopReply::Signal { number: 5, watch: None }));
    }

    #[test]
    fn a_watchpoint_names_its_address() {
        let stop = StopReply::parse(b"T05thread:p01.01;watch:80203940;");
        assert_eq!(stop, Some(StopReply::Signal { number: 5, watch: Some(0x8020_3940) }));
    }

    #[test]
    fn the_end_of_the_machine_has_a_status() {
        assert_eq!(StopReply::parse(b"W00"), Some(StopReply::Exited(0)));
        assert_eq!(StopReply::parse(b"X09"), Some(StopReply::Killed(9)));
    }

    #[test]
    fn anything_else_is_none() {
        for reply in [&b""[..], b"T", b"T5", b"Txx", b"OK", b"E01", b"T05watch;", b"T05watch:zz;", b"S05x"] {
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
