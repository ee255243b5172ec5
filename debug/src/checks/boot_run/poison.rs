//! Poison: memory filled with a pattern, so that what was written since can be told from what was not.
//!
//! RAM is zero after reset: that BSS reads as zero proves nothing until it has been something else.

use std::ops::Range;

use super::layout::bytes;
use crate::machine::{Address, Error, Machine};

/// Neither zero nor all ones, nor a byte that small numbers or text have.
pub const PATTERN: u8 = 0xa5;

/// How much is moved at once, in bytes: memory stays bounded however large a BSS is.
const CHUNK: usize = 1 << 20;

/// Fills `range` with the pattern.
pub fn fill(machine: &mut dyn Machine, range: &Range<Address>) -> Result<(), Error> {
    let pattern = vec![PATTERN; CHUNK.min(bytes(range) as usize)];
    for chunk in chunks(range) {
        machine.write_memory(chunk.start, &pattern[..bytes(&chunk) as usize])?;
    }
    Ok(())
}

/// What has become of poisoned memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Bytes that still hold the pattern: how many, and the first and last of them.
    pub poisoned: u64,
    pub first: Option<Address>,
    pub last: Option<Address>,
    /// Bytes that hold neither the pattern nor zero, and the first of them.
    pub written: u64,
    pub first_written: Option<Address>,
}

/// Looks at every byte of the ranges.
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

/// The lowest byte of a poisoned range that does not hold the pattern any more.
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
