//! What was printed, and what was typed and when: both sides of the machine's console, over its whole history.
//!
//! It does not know devices. A re-execution prints again what is known already, and reads what was typed at the same instruction.

use std::collections::VecDeque;

/// Of a kernel that prints for ever, the latest of this many bytes are kept.
const KEPT_OUTPUT: usize = 1 << 20;

/// What was typed is a part of history, which is bounded: a person types this much in weeks.
const MOST_INPUT: usize = 1 << 20;

/// More was typed than is kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this would be more than the {MOST_INPUT} typed bytes that one run can have")]
pub struct TooMuch;

/// How far the machine is in both, at one moment of its history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes printed.
    printed: u64,
    /// Bytes read of those typed.
    read: usize,
}

#[derive(Default)]
pub struct Console {
    position: Position,
    /// The latest bytes printed up to the furthest moment that the machine has seen.
    output: VecDeque<u8>,
    /// How many bytes were printed by then.
    total: u64,
    /// Each byte with the instruction count from which on it can be read.
    input: Vec<(u64, u8)>,
}

impl Console {
    pub fn position(&self) -> Position {
        self.position
    }

    /// Back, or forward, to a moment of the known history.
    pub fn set_position(&mut self, position: Position) {
        self.position = position;
    }

    /// What was typed at `now` or later, and printed after the present, has not happened.
    pub fn forget_future(&mut self, now: u64) {
        self.input.truncate(self.input.partition_point(|(when, _)| *when <= now).max(self.position.read));
        let unprinted = (self.total - self.position.printed) as usize;
        self.output.truncate(self.output.len().saturating_sub(unprinted));
        self.total = self.position.printed;
    }

    pub fn print(&mut self, byte: u8) {
        self.position.printed += 1;
        if self.position.printed <= self.total {
            return;
        }
        self.total = self.position.printed;
        if self.output.len() == KEPT_OUTPUT {
            self.output.pop_front();
        }
        self.output.push_back(byte);
    }

    /// What has been printed up to the present moment; the latest of it where it is much.
    pub fn output(&self) -> Vec<u8> {
        let unprinted = (self.total - self.position.printed) as usize;
        let known = self.output.len().saturating_sub(unprinted);
        self.output.range(..known).copied().collect()
    }

    /// What has been printed up to the present moment since `seen` bytes had been, as far as it is kept; `seen` follows.
    ///
    /// Going back in time does not print, and what is executed again prints nothing new.
    pub fn output_after(&self, seen: &mut u64) -> Vec<u8> {
        *seen = (*seen).min(self.total);
        let new = self.position.printed.saturating_sub(*seen) as usize;
        *seen += new as u64;
        let unprinted = (self.total - self.position.printed) as usize;
        let known = self.output.len().saturating_sub(unprinted);
        self.output.range(known.saturating_sub(new)..known).copied().collect()
    }

    /// All of it, or nothing where it is more than can be kept.
    pub fn type_in(&mut self, now: u64, bytes: &[u8]) -> Result<(), TooMuch> {
        if bytes.len() > MOST_INPUT - self.input.len() {
            return Err(TooMuch);
        }
        self.input.extend(bytes.iter().map(|byte| (now, *byte)));
        Ok(())
    }

    /// From when on the typed byte of this number can be read, in instructions; `None` where so many were not typed.
    pub fn arrival(&self, number: usize) -> Option<u64> {
        self.input.get(number).map(|(when, _)| *when)
    }

    /// How many bytes were typed by now, read or not.
    pub fn arrived(&self, now: u64) -> usize {
        self.input.partition_point(|(when, _)| *when <= now)
    }

    /// How many bytes can be read by now.
    pub fn waiting(&self, now: u64) -> usize {
        self.arrived(now).saturating_sub(self.position.read)
    }

    pub fn has_input(&self, now: u64) -> bool {
        self.input.get(self.position.read).is_some_and(|(when, _)| *when <= now)
    }

    pub fn take_input(&mut self, now: u64) -> Option<u8> {
        let byte = self.input.get(self.position.read).filter(|(when, _)| *when <= now).map(|(_, byte)| *byte)?;
        self.position.read += 1;
        Some(byte)
    }
}
