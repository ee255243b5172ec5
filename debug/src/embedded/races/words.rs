//! The kernel's variables by words of eight bytes: who stored to each, and who loaded from it. It does not judge.

use std::ops::Range;

use super::clock::Clock;
use crate::machine::HartAccess;
use crate::machine::MOST_HARTS;

/// What a store left in some bytes of a word.
pub struct Version {
    /// A bit for each of them.
    pub bytes: u8,
    pub by: HartAccess,
    pub is_atomic: bool,
    /// What a hart that acquires it has to see.
    pub released: Clock,
    /// What a hart that waited for it may conclude.
    pub told: Clock,
    /// Of the storing hart itself only what it did from this instruction on.
    pub since: u64,
}

/// The last load of a word by a hart that has not stored to it since.
#[derive(Clone, Copy)]
pub struct Loaded {
    pub bytes: u8,
    pub by: HartAccess,
}

/// Eight bytes.
#[derive(Default)]
pub struct Word {
    /// Where it is, physically.
    pub address: u64,
    pub versions: Vec<Version>,
    pub loads: [Option<Loaded>; MOST_HARTS],
    /// Those that a hart waited for, or that atomic instructions accessed: a bit for each.
    pub flags: u8,
}

impl Word {
    /// What is left of earlier stores to bytes that are stored to now, and then this store.
    pub fn put(&mut self, stored: Version) {
        self.versions.iter_mut().for_each(|version| version.bytes &= !stored.bytes);
        self.versions.retain(|version| version.bytes != 0);
        self.versions.push(stored);
    }
}

/// A physical range, and the number of each word in it that was accessed, from 1.
struct Variables {
    range: Range<u64>,
    numbers: Vec<u32>,
}

/// All words in some physical ranges.
pub struct Words {
    variables: Vec<Variables>,
    words: Vec<Word>,
}

impl Words {
    pub fn new(ranges: impl Iterator<Item = Range<u64>>) -> Words {
        let numbers = |range: &Range<u64>| vec![0; (range.end.div_ceil(8) - range.start / 8) as usize];
        let variables = ranges.map(|range| Variables { numbers: numbers(&range), range }).collect();
        Words { variables, words: Vec::new() }
    }

    pub fn touch(&self, start: u64, size: u64) -> bool {
        self.variables.iter().any(|one| start < one.range.end && one.range.start < start + size)
    }

    /// The word with this byte, if it was accessed before.
    pub fn known(&mut self, physical: u64) -> Option<&mut Word> {
        let number = *self.number(physical)?;
        self.words.get_mut((number as usize).checked_sub(1)?)
    }

    /// The word with this byte; `None` where no variable is.
    pub fn at(&mut self, physical: u64) -> Option<&mut Word> {
        let next = self.words.len() as u32 + 1;
        let number = self.number(physical)?;
        let index = if *number == 0 { next } else { *number } as usize - 1;
        *number = index as u32 + 1;
        if index == self.words.len() {
            self.words.push(Word { address: physical / 8 * 8, ..Word::default() });
        }
        self.words.get_mut(index)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Word> {
        self.words.iter()
    }

    fn number(&mut self, physical: u64) -> Option<&mut u32> {
        let variables = self.variables.iter_mut().find(|variables| variables.range.contains(&physical))?;
        variables.numbers.get_mut((physical / 8 - variables.range.start / 8) as usize)
    }
}

/// A bit for each byte of an access in the word where it begins.
pub fn bytes(physical: u64, length: usize) -> u8 {
    (((1_u32 << length) - 1) << (physical % 8)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Address;

    #[test]
    fn bytes_keep_who_stored_to_them_last() {
        let by = |hart| HartAccess { hart, icount: 1, pc: Address(0), sp: Address(0) };
        let version = |hart, bytes| Version {
            bytes,
            by: by(hart),
            is_atomic: false,
            released: Clock::default(),
            told: Clock::default(),
            since: 0,
        };
        let mut words = Words::new(std::iter::once(0x1004..0x1014));
        assert!(words.at(0x1000).is_none() && words.at(0x1014).is_none() && words.known(0x1008).is_none());
        let word = words.at(0x1008).unwrap();
        for (hart, bytes) in [(0, 0xff), (1, 0x0c), (2, 0xff), (3, bytes(0x100c, 4)), (4, bytes(0x100c, 1))] {
            word.put(version(hart, bytes));
        }
        let left: Vec<_> = word.versions.iter().map(|version| (version.by.hart, version.bytes)).collect();
        assert_eq!(left, [(2, 0x0f), (3, 0xe0), (4, 0x10)], "(hart, bytes)");
        assert!(words.touch(0x1010, 1) && !words.touch(0x1014, 8));
    }
}
