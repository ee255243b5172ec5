//! What the harts beside the followed one do to BSS and to stacks. It does not judge.

use std::collections::BTreeMap;
use std::ops::Range;

use super::second_clear::SecondClear;
use super::shared_stacks::{SharedStacks, is_through_sp};
use crate::image::Image;
use crate::machine::{Address, OtherHart, StackPointerMove, Store};

/// Another hart stored through its sp over frames of the followed one.
#[derive(Clone, Copy, Debug)]
pub struct SharedStack {
    pub hart: u64,
    pub stored: Store,
    /// sp of the followed hart meanwhile.
    pub followed_sp: Address,
}

pub struct OtherHarts {
    /// Each hart's own zeros over BSS, and those of a hart that has not stored yet.
    clears: BTreeMap<u64, SecondClear>,
    none: SecondClear,
    /// sp of the empty stack of the followed hart, as long as it is known.
    base: Option<Address>,
    pub shared: Option<SharedStack>,
    /// Their own stacks.
    pub stacks: SharedStacks,
}

impl OtherHarts {
    /// `none`: no clear so far.
    pub fn new(none: SecondClear) -> OtherHarts {
        OtherHarts { clears: BTreeMap::new(), none, base: None, shared: None, stacks: SharedStacks::default() }
    }

    /// The followed hart's sp was found right; it was set to this value.
    pub fn arm(&mut self, base: Address) {
        self.base = Some(base);
    }

    /// The followed hart set its sp above where its stack began: what lies below is not all its own.
    pub fn moved(&mut self, sp: Address) {
        self.base = self.base.filter(|base| sp <= *base);
    }

    /// The bytes whose stores by other harts count. `deepest`: the move of the followed hart's sp that made its stack deepest.
    pub fn awaited(&self, deepest: Option<StackPointerMove>) -> Vec<Range<Address>> {
        let frames = self.base.zip(deepest).filter(|_| self.shared.is_none());
        let frames = frames.map(|(base, deepest)| deepest.new..base).filter(|frames| frames.start < frames.end);
        self.none.awaited().into_iter().chain(self.swept()).chain(frames).collect()
    }

    /// All of BSS, while a hart stores zeros there side by side.
    pub fn swept(&self) -> Vec<Range<Address>> {
        let sweeping = self.clears.values().filter(|clear| clear.is_sweeping());
        sweeping.take(1).flat_map(SecondClear::awaited).collect()
    }

    /// Whether [`OtherHarts::awaited`] has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        self.clears.values_mut().fold(self.stacks.take_changed(), |changed, clear| clear.take_changed() | changed)
    }

    /// The followed hart stored.
    pub fn followed_store(&mut self, store: &Store) {
        self.clears.values_mut().for_each(|clear| clear.stored_by_another(store));
    }

    /// Notes a store. Returns what a clear by this hart has erased, when it has reached over all of BSS.
    pub fn store(
        &mut self,
        by: &OtherHart,
        store: &Store,
        deepest: Option<StackPointerMove>,
        image: &Image,
    ) -> Vec<Store> {
        self.look_at_stack(by, store, deepest, image);
        self.stacks.store(by, store, image);
        let others = self.clears.iter_mut().filter(|(hart, _)| **hart != by.hart);
        others.for_each(|(_, clear)| clear.stored_by_another(store));
        self.clears.entry(by.hart).or_insert_with(|| self.none.clone()).store(store)
    }

    fn look_at_stack(&mut self, by: &OtherHart, store: &Store, deepest: Option<StackPointerMove>, image: &Image) {
        let (Some(base), Some(deepest), Some(followed_sp), None) = (self.base, deepest, by.followed_sp, self.shared)
        else {
            return;
        };
        // If it went to another stack, it may have left this one to the others.
        let has_frames = deepest.new <= followed_sp && (followed_sp..base).contains(&store.address);
        // A store through another register is to data that the followed hart shows to others.
        if has_frames && is_through_sp(image, store.pc) {
            self.shared = Some(SharedStack { hart: by.hart, stored: *store, followed_sp });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::clearing::tests::store;
    use super::*;
    use crate::checks::boot_run::poison::PATTERN;
    use crate::image::fixture::{BASE, Elf, OBJECT};
    use crate::machine::MOST_HARTS;

    const BSS: u64 = BASE + 0x1000;

    fn image() -> Image {
        let mut elf = Elf::default();
        elf.symbols.push(("one", BSS, 8, OBJECT, Some(".bss")));
        elf.symbols.push(("other", BSS + 8, 56, OBJECT, Some(".bss")));
        Image::parse(Path::new("kernel"), elf.bytes()).unwrap()
    }

    /// Where values were erased by hart 1's clear of 64 bytes, of which one held `old`. `meanwhile`, in its middle, another hart stores there.
    fn erased(old: u64, meanwhile: Option<u64>) -> Vec<Address> {
        let image = image();
        let mut harts = OtherHarts::new(SecondClear::new(Address(BSS)..Address(BSS + 64), &image));
        let by = |hart| OtherHart { hart, followed_sp: None, others: [None; MOST_HARTS] };
        let mut erased = Vec::new();
        for index in 0..8 {
            let clear = Store { old: if index == 2 { old } else { 0 }, ..store(3 * index, 0x100, BSS + 8 * index, 0) };
            erased.extend(harts.store(&by(1), &clear, None, &image));
            let again = store(3 * index + 1, 0x200, BSS + 16, 9);
            match meanwhile.filter(|_| index == 4) {
                Some(0) => harts.followed_store(&again),
                Some(hart) => erased.extend(harts.store(&by(hart), &again, None, &image)),
                None => {}
            }
        }
        erased.iter().map(|store| store.address).collect()
    }

    #[test]
    fn what_another_hart_s_clear_erased_is_missed_unless_it_is_stored_again() {
        assert_eq!(erased(7, None), [Address(BSS + 16)]);
        assert!(erased(0, None).is_empty(), "there was nothing");
        assert!(erased(u64::from_ne_bytes([PATTERN; 8]), None).is_empty(), "the first clear was not there yet");
        assert!(erased(7, Some(0)).is_empty(), "the followed hart stored it again");
        assert!(erased(7, Some(2)).is_empty(), "a third hart did");
    }

    #[test]
    fn stores_of_two_harts_are_no_clear() {
        let image = image();
        let mut harts = OtherHarts::new(SecondClear::new(Address(BSS)..Address(BSS + 64), &image));
        let erased: Vec<Store> = (0..8)
            .flat_map(|index| {
                let by = OtherHart { hart: 1 + index % 2, followed_sp: None, others: [None; MOST_HARTS] };
                harts.store(&by, &Store { old: 7, ..store(3 * index, 0x100, BSS + 8 * index, 0) }, None, &image)
            })
            .collect();
        assert!(erased.is_empty(), "{erased:?}");
    }
}
