//! Physical memory protection: 16 entries with a grain of four bytes, as QEMU's harts have them.
//!
//! Source: privileged manual, "Physical Memory Protection". It does not know who accesses memory, nor what lies there.

use std::ops::RangeInclusive;

/// How many entries a hart has.
pub const ENTRIES: usize = 16;

/// The permission to read, in an entry's configuration.
pub const READ: u8 = 1;
/// The permission to write.
pub const WRITE: u8 = 2;
/// The permission to execute.
pub const EXECUTE: u8 = 4;
const MODE: u8 = 3 << 3;
const LOCKED: u8 = 1 << 7;
const HELD: u8 = READ | WRITE | EXECUTE | MODE | LOCKED;

/// Values of MODE; 0 is off.
const TOP_OF_RANGE: u8 = 1 << 3;
const FOUR_BYTES: u8 = 2 << 3;
const POWER_OF_TWO: u8 = 3 << 3;

/// An address of an entry is in units of four bytes and has so many bits.
const ADDRESS_BITS: u32 = 54;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    configuration: u8,
    address: u64,
}

/// The registers.
#[derive(Clone, Debug, Default)]
pub struct Pmp([Entry; ENTRIES]);

impl Pmp {
    /// The registers with these values.
    pub fn new(configurations: [u8; ENTRIES], addresses: [u64; ENTRIES]) -> Pmp {
        let entry = |index| Entry { configuration: configurations[index], address: addresses[index] };
        Pmp(std::array::from_fn(entry))
    }

    /// Eight configurations, from entry `first` on.
    pub fn configurations(&self, first: usize) -> u64 {
        let of = |index| self.0.get(index).map_or(0, |entry: &Entry| entry.configuration);
        u64::from_le_bytes(std::array::from_fn(|index| of(first + index)))
    }

    /// A byte for each entry from `first` on. Entries that are locked keep theirs.
    pub fn set_configurations(&mut self, first: usize, bytes: &[u8]) {
        for (entry, byte) in self.0[first..].iter_mut().zip(bytes) {
            // Write without read is reserved: such an entry may not even be written.
            let reserved = byte & (READ | WRITE) == WRITE;
            if entry.configuration & LOCKED == 0 {
                entry.configuration = *byte & HELD & if reserved { !WRITE } else { u8::MAX };
            }
        }
    }

    /// The value of pmpaddr0 to pmpaddr15, in units of four bytes.
    pub fn address(&self, index: usize) -> u64 {
        self.0[index].address
    }

    /// A locked entry keeps its address, and one whose range ends at its own address keeps the one before, too.
    pub fn set_address(&mut self, index: usize, value: u64) {
        let locks = |entry: Option<&Entry>, mode: Option<u8>| {
            entry.is_some_and(|entry| {
                entry.configuration & LOCKED != 0 && mode.is_none_or(|mode| entry.configuration & MODE == mode)
            })
        };
        if !locks(self.0.get(index), None) && !locks(self.0.get(index + 1), Some(TOP_OF_RANGE)) {
            self.0[index].address = value & ((1 << ADDRESS_BITS) - 1);
        }
    }

    /// What the entries mean: those that are on, in their order.
    pub fn rules(&self) -> Rules {
        let range = |index: usize| -> Option<RangeInclusive<u64>> {
            let Entry { configuration, address } = self.0[index];
            let start = address << 2;
            Some(match configuration & MODE {
                TOP_OF_RANGE => {
                    let before = if index == 0 { 0 } else { self.0[index - 1].address << 2 };
                    if before >= start {
                        return None;
                    }
                    before..=start - 1
                }
                FOUR_BYTES => start..=start + 3,
                POWER_OF_TWO => {
                    let size = 1_u64 << (address.trailing_ones() + 3).min(ADDRESS_BITS + 3);
                    let start = start & !(size - 1);
                    start..=start + (size - 1)
                }
                _ => return None,
            })
        };
        let rule = |index| range(index).map(|range| Rule { index, range, configuration: self.0[index].configuration });
        Rules((0..ENTRIES).filter_map(rule).collect())
    }
}

/// What one entry means.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The entry's number.
    pub index: usize,
    /// The physical addresses that it decides, unless an entry before it does.
    pub range: RangeInclusive<u64>,
    configuration: u8,
}

impl Rule {
    /// Whether it binds M-mode as well.
    pub fn is_locked(&self) -> bool {
        self.configuration & LOCKED != 0
    }

    /// The permissions of these that it does not give.
    pub fn lacks(&self, asked: u8) -> u8 {
        asked & !self.configuration
    }
}

/// What the entries mean.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Whether no entry is on: only M-mode may use memory.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an access to `length` bytes is permitted. The first entry that has one of the bytes decides, and must have all.
    /// `asked`: the permissions that it needs.
    pub fn permit(&self, start: u64, length: u64, asked: u8, by_machine: bool) -> bool {
        let last = start.saturating_add(length.saturating_sub(1));
        let Some(rule) = self.deciding(start, length) else { return by_machine };
        if !(rule.range.contains(&start) && rule.range.contains(&last)) {
            return false;
        }
        by_machine && !rule.is_locked() || rule.lacks(asked) == 0
    }

    /// The first entry that has one of these bytes.
    pub fn deciding(&self, start: u64, length: u64) -> Option<&Rule> {
        let last = start.saturating_add(length.saturating_sub(1));
        self.0.iter().find(|rule| *rule.range.start() <= last && start <= *rule.range.end())
    }

    /// Whether all of these bytes are treated alike.
    pub fn are_uniform(&self, start: u64, length: u64) -> bool {
        let last = start + (length - 1);
        self.deciding(start, length).is_none_or(|rule| rule.range.contains(&start) && rule.range.contains(&last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(entries: &[(u8, u64)]) -> Rules {
        let mut pmp = Pmp::default();
        for (index, (configuration, address)) in entries.iter().enumerate() {
            pmp.0[index] = Entry { configuration: *configuration, address: *address };
        }
        pmp.rules()
    }

    #[test]
    fn the_first_entry_that_has_a_byte_decides_and_must_have_all() {
        let rules = rules(&[(FOUR_BYTES | READ, 0x1000 >> 2), (POWER_OF_TWO | READ | WRITE, 0x1000 >> 2 | 0x1ff)]);
        let may = |start, length, asked| rules.permit(start, length, asked, false);
        assert!(may(0x1000, 4, READ) && !may(0x1000, 4, WRITE));
        assert!(!may(0x1000, 8, READ), "half of it is the first entry's");
        assert!(may(0x1004, 4, WRITE) && may(0x1ff8, 8, WRITE));
        assert!(!may(0x2000, 1, READ), "no entry has it");
        assert!(rules.permit(0x2000, 1, READ, true), "but M-mode may");
        assert!(!rules.are_uniform(0x1000, 0x1000) && rules.are_uniform(0x2000, 0x1000));
    }

    #[test]
    fn ranges_are_those_of_the_manual() {
        let range = |entries: &[(u8, u64)]| rules(entries).0[0].range.clone();
        assert_eq!(range(&[(POWER_OF_TWO, 0)]), 0..=7);
        assert_eq!(range(&[(POWER_OF_TWO, 0b1011)]), 0x20..=0x3f);
        assert_eq!(range(&[(POWER_OF_TWO, (1 << 54) - 1)]), 0..=(1 << 57) - 1);
        assert_eq!(range(&[(TOP_OF_RANGE, 4)]), 0..=15);
        assert_eq!(range(&[(0, 4), (TOP_OF_RANGE, 8)]), 16..=31);
        assert!(rules(&[(0, 8), (TOP_OF_RANGE, 8)]).0.is_empty());
    }

    #[test]
    fn locked_entries_keep_what_they_hold_and_bind_m_mode() {
        let mut pmp = Pmp::default();
        pmp.set_address(1, 8);
        pmp.set_configurations(0, &[0, LOCKED | TOP_OF_RANGE | READ]);
        pmp.set_address(0, 3);
        pmp.set_address(1, 3);
        pmp.set_configurations(0, &[0; 8]);
        assert_eq!((pmp.address(0), pmp.address(1), pmp.configurations(0)), (0, 8, 0x8900));
        assert!(!pmp.rules().permit(0, 4, WRITE, true));
    }
}
