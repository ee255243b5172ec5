//! A second clear of BSS: zeros that reach over all of it once more, and the values that it erases. It does not judge.
//!
//! After the first clear only stores to the two ends of BSS are observed, which each clear makes. From such a zero on all stores to BSS
//! are, until they are seen to be none.

use std::collections::BTreeSet;
use std::ops::Range;

use super::sweep::{SWEEP, Sweep};
use crate::checks::boot_run::layout::{bytes, overlap};
use crate::checks::boot_run::poison;
use crate::image::Image;
use crate::machine::{Address, Store};

/// How often zeros at an end of BSS may turn out to be no clear.
const TRIES: u32 = 64;
/// The bytes at each end.
const END: u64 = 8;

#[derive(Clone)]
pub struct SecondClear {
    bss: Range<Address>,
    /// How many more zeros at an end are followed; none where one variable is all of BSS, as that may be set to zero again and again.
    tries: u32,
    sweep: Option<Sweep>,
    /// The values that were erased on the way.
    erased: Vec<Store>,
    changed: bool,
}

impl SecondClear {
    pub fn new(bss: Range<Address>, image: &Image) -> SecondClear {
        let symbols = image.symbols().map(|symbol| symbol.address).filter(|address| bss.contains(address));
        let variables = symbols.collect::<BTreeSet<Address>>().len();
        let tries = if variables > 1 && bytes(&bss) >= SWEEP { TRIES } else { 0 };
        SecondClear { bss, tries, sweep: None, erased: Vec::new(), changed: false }
    }

    /// The bytes whose stores count.
    pub fn awaited(&self) -> Vec<Range<Address>> {
        match &self.sweep {
            Some(_) => vec![self.bss.clone()],
            None if self.tries == 0 => Vec::new(),
            None => self.ends().into(),
        }
    }

    /// Whether zeros are followed that may be a clear.
    pub fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Another hart stored there meanwhile: what was erased there is not missed.
    pub fn stored_by_another(&mut self, store: &Store) {
        let range = store.address..store.address + u64::from(store.length);
        self.erased.retain(|erased| !overlap(&range, &(erased.address..erased.address + u64::from(erased.length))));
    }

    fn ends(&self) -> [Range<Address>; 2] {
        [self.bss.start..self.bss.start + END, self.bss.end - END..self.bss.end]
    }

    /// Whether [`SecondClear::awaited`] has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Notes a store after the first clear. Returns what a second one has erased, when it has reached over all of BSS.
    pub fn store(&mut self, store: &Store) -> Vec<Store> {
        let range = store.address..store.address + u64::from(store.length);
        if self.tries == 0 || !overlap(&self.bss, &range) {
            return Vec::new();
        }
        if self.sweep.is_none() {
            if store.new != 0 || !self.ends().iter().any(|end| overlap(end, &range)) {
                return Vec::new();
            }
            self.sweep = Some(Sweep::new(self.bss.clone()));
            (self.changed, self.erased) = (true, Vec::new());
        }
        let Some(sweep) = &mut self.sweep else { return Vec::new() };
        let goes_on = sweep.follows(store);
        if goes_on {
            // Another hart's clear may meet the test pattern.
            if store.old != 0 && !poison::is_pattern(store.old, store.length) {
                self.erased.push(*store);
            }
            if !sweep.is_whole() {
                return Vec::new();
            }
        }
        self.tries -= 1;
        if goes_on {
            self.tries = 0;
        }
        (self.sweep, self.changed) = (None, true);
        if goes_on { std::mem::take(&mut self.erased) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clearing::tests::store;
    use super::*;

    /// BSS is 64 bytes at 0x1000, of which 0x1010 holds 7; these are stores, by when, where and what.
    fn erased(stores: &[(u64, u64, u64)]) -> Vec<Address> {
        let mut again = SecondClear {
            bss: Address(0x1000)..Address(0x1040),
            tries: TRIES,
            sweep: None,
            erased: Vec::new(),
            changed: false,
        };
        let old = |address| if address == 0x1010 { 7 } else { 0 };
        let mut erased = Vec::new();
        for (icount, address, new) in stores {
            erased.extend(again.store(&Store { old: old(*address), ..store(*icount, 0x100, *address, *new) }));
        }
        erased.iter().map(|store| store.address).collect()
    }

    fn all() -> Vec<(u64, u64, u64)> {
        (0..8).map(|index| (100 + 3 * index, 0x1000 + 8 * index, 0)).collect()
    }

    #[test]
    fn a_second_clear_tells_what_it_erased() {
        assert_eq!(erased(&all()), [Address(0x1010)]);
        let downwards: Vec<_> = (0..8).map(|index| (100 + 3 * index, 0x1038 - 8 * index, 0)).collect();
        assert_eq!(erased(&downwards), [Address(0x1010)]);
    }

    #[test]
    fn zeros_that_do_not_reach_over_bss_are_none() {
        assert!(erased(&all()[..7]).is_empty(), "a byte is left out");
        assert!(erased(&all()[1..]).is_empty(), "it does not begin at an end");
        let mut used = all();
        used[4].2 = 5;
        assert!(erased(&used).is_empty(), "variables that are set");
        let slow: Vec<_> = all().iter().map(|(at, to, new)| (at * 100, *to, *new)).collect();
        assert!(erased(&slow).is_empty(), "one at a time");
        let before = [&[(5, 0x1000, 0)], &all()[..]].concat();
        assert!(erased(&before).len() <= 1, "what came before does not hide it");
    }
}
