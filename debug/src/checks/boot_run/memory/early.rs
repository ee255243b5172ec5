//! Follows the use of BSS before it is cleared: loads, and stores that the clear erases. It does not judge.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::clearing::Clearing;
use crate::checks::boot_run::layout::overlap;
use crate::checks::boot_run::poison;
use crate::machine::{Address, Load, Store};

/// How many bytes that were stored before the clear are kept. The first are enough.
const MOST: usize = 4096;

/// A value that was stored before the clear, erased by it, and read afterwards.
#[derive(Clone, Copy, Debug)]
pub struct LostValue {
    /// `None` if it was stored after a first clear, and a second one erased it.
    pub stored: Option<Store>,
    pub cleared: Store,
    /// The hart of a second clear, if it is not the followed one.
    pub by: Option<u64>,
    pub read: Load,
}

pub struct EarlyUse {
    /// The ranges that must be zero before they are read.
    zeroed: Vec<Range<Address>>,
    /// By byte: the store before the clear, and the store of the clear that erased it.
    stored: BTreeMap<Address, (Store, Option<Store>)>,
    /// By byte: the store of a second clear that erased it, and its hart if that is not the followed one.
    erased_again: BTreeMap<Address, (Store, Option<u64>)>,
    /// The first load of a byte that was not stored before.
    pub poison_read: Option<Load>,
    pub lost: Option<LostValue>,
}

impl EarlyUse {
    pub fn new(zeroed: Vec<Range<Address>>) -> EarlyUse {
        EarlyUse { zeroed, stored: BTreeMap::new(), erased_again: BTreeMap::new(), poison_read: None, lost: None }
    }

    /// The ranges whose loads to observe. After the clear, only the bytes that it erased.
    pub fn ranges(&self, clear_is_over: bool) -> Vec<Range<Address>> {
        if self.lost.is_some() {
            return Vec::new();
        }
        if !clear_is_over {
            return self.zeroed.clone();
        }
        let mut ranges: Vec<Range<Address>> = Vec::new();
        for address in self.erased() {
            match ranges.last_mut() {
                Some(last) if last.end == address => last.end = address + 1,
                _ => ranges.push(address..address + 1),
            }
        }
        ranges
    }

    fn erased(&self) -> BTreeSet<Address> {
        let first = self.stored.iter().filter(|(_, (_, cleared))| cleared.is_some()).map(|(address, _)| *address);
        first.chain(self.erased_again.keys().copied()).collect()
    }

    /// A second clear erased a value; `by`: another hart's.
    pub fn erased_again(&mut self, store: &Store, by: Option<u64>) {
        let old = store.old.to_le_bytes();
        let bytes = (0..store.length).filter(|index| old[usize::from(*index)] != 0);
        self.erased_again.extend(bytes.map(|index| (store.address + u64::from(index), (*store, by))).take(MOST));
    }

    pub fn store(&mut self, store: &Store, clear_is_over: bool) {
        let range = store.address..store.address + u64::from(store.length);
        if !self.zeroed.iter().any(|zeroed| overlap(zeroed, &range)) {
            return;
        }
        for (index, new) in (0..).zip(&store.new.to_le_bytes()[..usize::from(store.length)]) {
            let address = store.address + index;
            self.erased_again.remove(&address);
            match self.stored.get_mut(&address) {
                Some((_, cleared)) if store.new == 0 && cleared.is_none() => *cleared = Some(*store),
                Some(_) => {
                    self.stored.remove(&address);
                }
                None => {}
            }
            if *new != 0 && !clear_is_over && self.stored.len() < MOST {
                self.stored.entry(address).or_insert((*store, None));
            }
        }
    }

    pub fn load(&mut self, load: &Load, clearing: &Clearing) {
        let range = load.address..load.address + u64::from(load.length);
        let is_poison = poison::is_pattern(load.value, load.length);
        if is_poison && self.poison_read.is_none() && self.zeroed.iter().any(|zeroed| overlap(zeroed, &range)) {
            self.poison_read = Some(*load);
        }
        if self.lost.is_some() {
            return;
        }
        if let Some((_, (cleared, by))) = self.erased_again.range(range.clone()).next() {
            self.lost = Some(LostValue { stored: None, cleared: *cleared, by: *by, read: *load });
            return;
        }
        let erased = self.stored.range(range).find_map(|(_, (stored, cleared))| Some((*stored, (*cleared)?)));
        if let Some((stored, cleared)) = erased.filter(|(_, cleared)| clearing.is_clear(cleared)) {
            self.lost = Some(LostValue { stored: Some(stored), cleared, by: None, read: *load });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clearing::tests::{clearing, store};
    use super::*;

    fn load(icount: u64, address: u64, value: u64) -> Load {
        let (pc, address) = (Address(0x200), Address(address));
        Load { icount, pc, address, physical: address, length: 8, value }
    }

    /// BSS of 32 bytes at 0x1000, of which something is stored at 0x1008 before it is cleared.
    fn cleared(stored: u64) -> (EarlyUse, Clearing) {
        let mut clearing = clearing();
        let mut early = EarlyUse::new(vec![Address(0x1000)..Address(0x1020)]);
        let before = store(1, 0x50, 0x1008, stored);
        let clear = (0..4).map(|index| store(10 + 3 * index, 0x100, 0x1000 + 8 * index, 0));
        for store in [before].into_iter().chain(clear) {
            clearing.store(&store);
            early.store(&store, clearing.is_over());
        }
        (early, clearing)
    }

    #[test]
    fn a_value_that_the_clear_erased_is_lost_when_it_is_read() {
        let (mut early, clearing) = cleared(7);
        early.load(&load(100, 0x1010, 0), &clearing);
        assert!(early.lost.is_none(), "nothing was stored there");
        early.load(&load(101, 0x1008, 0), &clearing);
        let lost = early.lost.unwrap();
        assert_eq!((lost.stored.unwrap().pc, lost.cleared.pc, lost.read.icount), (Address(0x50), Address(0x100), 101));
    }

    #[test]
    fn a_value_that_was_stored_again_or_was_zero_is_not_lost() {
        let (mut early, clearing) = cleared(7);
        early.store(&store(90, 0x60, 0x1008, 8), true);
        early.load(&load(100, 0x1008, 8), &clearing);
        assert!(early.lost.is_none());
        let (mut early, clearing) = cleared(0);
        early.load(&load(100, 0x1008, 0), &clearing);
        assert!(early.lost.is_none());
    }

    #[test]
    fn only_poison_is_read_too_early() {
        let (mut early, clearing) = cleared(7);
        early.load(&load(2, 0x1008, 7), &clearing);
        assert!(early.poison_read.is_none());
        early.load(&load(3, 0x2000, 0xa5a5_a5a5_a5a5_a5a5), &clearing);
        assert!(early.poison_read.is_none(), "that is elsewhere");
        early.load(&load(4, 0x1018, 0xa5a5_a5a5_a5a5_a5a5), &clearing);
        assert_eq!(early.poison_read.unwrap().icount, 4);
    }
}
