//! The console over the machine's whole history: what was printed, and what was typed when.
//!
//! It does not know devices. Executing again prints the same bytes again, and reads the same input at the same instruction.

use std::collections::VecDeque;

use crate::machine::KEPT_OUTPUT;

/// How many typed bytes are kept. Input is part of the history, which is bounded; a person types this much in weeks.
const MOST_INPUT: usize = 1 << 20;

/// More input than can be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run can have at most {MOST_INPUT} typed bytes")]
pub struct TooMuch;

/// The position in output and input at one moment of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes printed.
    printed: u64,
    /// Typed bytes that were read.
    read: usize,
}

#[derive(Default)]
pub struct Console {
    position: Position,
    /// The latest bytes printed until the latest moment that the machine has reached.
    output: VecDeque<u8>,
    /// The number of bytes printed until then.
    total: u64,
    /// The number of bytes that [`Console::take_new`] has returned, of those that are still part of the history.
    taken: u64,
    /// Each typed byte, with the instruction count from which it can be read.
    input: Vec<(u64, u8)>,
}

impl Console {
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes back or forward to a moment of the known history.
    pub fn set_position(&mut self, position: Position) {
        self.position = position;
    }

    /// Forgets input at `now` or later, and output after the current moment.
    pub fn forget_future(&mut self, now: u64) {
        self.input.truncate(self.input.partition_point(|(when, _)| *when <= now).max(self.position.read));
        let unprinted = (self.total - self.position.printed) as usize;
        self.output.truncate(self.output.len().saturating_sub(unprinted));
        self.total = self.position.printed;
        self.taken = self.taken.min(self.total);
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

    /// The output until the current moment, as far as it is kept.
    pub fn output(&self) -> Vec<u8> {
        let unprinted = (self.total - self.position.printed) as usize;
        let known = self.output.len().saturating_sub(unprinted);
        self.output.range(..known).copied().collect()
    }

    /// The output until the current moment that no call has returned yet, as far as it is kept.
    ///
    /// Going back in time and executing again print nothing new, unless something was changed there.
    pub fn take_new(&mut self) -> Vec<u8> {
        let new = self.position.printed.saturating_sub(self.taken) as usize;
        self.taken += new as u64;
        let unprinted = (self.total - self.position.printed) as usize;
        let known = self.output.len().saturating_sub(unprinted);
        self.output.range(known.saturating_sub(new)..known).copied().collect()
    }

    /// Adds all of the input, or nothing if it is too much.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn print(console: &mut Console, text: &str) {
        text.bytes().for_each(|byte| console.print(byte));
    }

    #[test]
    fn output_is_new_once_and_what_is_printed_after_a_change_of_the_past_is_new() {
        let mut console = Console::default();
        print(&mut console, "$ ");
        let prompt = console.position();
        assert_eq!(console.take_new(), b"$ ");
        print(&mut console, "first");
        assert_eq!(console.take_new(), b"first");
        // Back, and the same again.
        console.set_position(prompt);
        print(&mut console, "first");
        assert_eq!(console.take_new(), b"");
        // Back, and something else, which is longer than what was forgotten before anybody asks.
        console.set_position(prompt);
        console.forget_future(0);
        print(&mut console, "another");
        assert_eq!(console.take_new(), b"another");
        assert_eq!(console.output(), b"$ another");
    }
}
