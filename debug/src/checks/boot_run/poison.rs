//! Poison: memory that is filled with a test pattern, which shows later which bytes were written.
//!
//! RAM is zero after reset. So a BSS that reads as zero proves nothing unless it held another value before.

use std::ops::Range;

use super::layout::bytes;
use crate::machine::{Address, Error, Machine};

/// The pattern is neither zero nor all ones, and does not occur in small numbers or text.
pub const PATTERN: u8 = 0xa5;

/// Whether all of a value of so many bytes is the pattern.
pub fn is_pattern(value: u64, length: u8) -> bool {
    value.to_le_bytes()[..usize::from(length)].iter().all(|byte| *byte == PATTERN)
}

/// How many bytes are transferred at once. This bounds our memory, however large BSS is.
const CHUNK: usize = 1 << 20;

/// Fills `range` with the pattern.
pub fn fill(machine: &mut dyn Machine, range: &Range<Address>) -> Result<(), Error> {
    let pattern = vec![PATTERN; CHUNK.min(bytes(range) as usize)];
    for chunk in chunks(range) {
        machine.write_memory(chunk.start, &pattern[..bytes(&chunk) as usize])?;
    }
    Ok(())
}

/// The state of memory that was poisoned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// The number of bytes that still hold the pattern, with the first and the last of them.
    pub poisoned: u64,
    pub first: Option<Address>,
    pub last: Option<Address>,
    /// The number of bytes that hold neither the pattern nor zero, with the first of them.
    pub written: u64,
    pub first_written: Option<Address>,
}

/// Reads every byte of the ranges.
pub fn inspect(machine: &mut dyn Machine, ranges: &[Range<Address>]) -> Result<Remains, Error> {
    let mut remains = Remains::default();
    for chunk in ranges.iter().flat_map(chunks) {
        let mut memory = vec![0; bytes(&chunk) as usize];
        machine.read_memory(chunk.start, &mut memory)?;
        remains.count(chunk.start, &memory);
    }
    Ok(remains)
}

impl Remains {
    fn count(&mut self, start: Address, memory: &[u8]) {
        for (index, &byte) in memory.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            let address = start + index as u64;
            if byte == PATTERN {
                self.poisoned += 1;
                self.first = self.first.or(Some(address));
                self.last = Some(address);
            } else {
                self.written += 1;
                self.first_written = self.first_written.or(Some(address));
            }
        }
    }
}

/// The lowest byte of a poisoned range that no longer holds the pattern.
pub fn lowest_changed(machine: &mut dyn Machine, range: &Range<Address>) -> Result<Option<Address>, Error> {
    for chunk in chunks(range) {
        let mut memory = vec![0; bytes(&chunk) as usize];
        machine.read_memory(chunk.start, &mut memory)?;
        if let Some(index) = memory.iter().position(|byte| *byte != PATTERN) {
            return Ok(Some(chunk.start + index as u64));
        }
    }
    Ok(None)
}

fn chunks(range: &Range<Address>) -> impl Iterator<Item = Range<Address>> + use<> {
    let Range { start, end } = range.clone();
    (start.0..end.0).step_by(CHUNK).map(move |begin| Address(begin)..Address(end.0.min(begin + CHUNK as u64)))
}
