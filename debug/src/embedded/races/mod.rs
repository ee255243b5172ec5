//! Follows which stores to the kernel's variables each of several harts has to see, by vector clocks, and finds accesses that only luck orders.
//!
//! An order comes from a release that is acquired: a store behind a fence, or with `rl`, that another hart loads before a fence, or with `aq`; and
//! from the calls about harts. Memory here is always in order, so what a hart would see on another machine is only thought of.
//! It does not know symbols, or what is right.

mod clock;
mod hart;
mod words;

use std::ops::Range;

use crate::machine::MOST_HARTS;
use crate::machine::{Address, HartAccess, Race, RaceKind, Sharing};
use hart::{Knowledge, Look, Told};
use words::{Loaded, Version, Words, bytes};

/// How many pairs of instructions are kept.
const MOST: usize = 256;

/// An instruction of extension A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atomically {
    /// `sc`, which loads nothing.
    pub conditional: bool,
    pub acquires: bool,
    pub releases: bool,
}

pub struct Races {
    words: Words,
    harts: [Knowledge; MOST_HARTS],
    selected: usize,
    /// As long as one hart executes, all is in order.
    active: bool,
    atomically: Option<Atomically>,
    /// The last access, if it told nothing new: made again, it tells nothing either.
    vain: Option<Vain>,
    found: Sharing,
}

/// A load.
struct Vain {
    by: HartAccess,
    physical: u64,
    length: usize,
    value: u64,
}

impl Vain {
    fn is_made_again(&self, by: &HartAccess, physical: u64, length: usize, value: u64) -> bool {
        self.by.pc == by.pc && (self.physical, self.length, self.value) == (physical, length, value)
    }
}

impl Races {
    /// Variables in these physical ranges. `active`: several harts execute from the beginning.
    pub fn new(ranges: impl Iterator<Item = Range<u64>>, selected: usize, active: bool) -> Races {
        let (harts, found) = Default::default();
        Races { words: Words::new(ranges), harts, selected, active, atomically: None, vain: None, found }
    }

    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Harts are followed from now on.
    pub fn activate(&mut self) {
        self.active = true;
    }

    /// Another hart executes.
    pub fn select(&mut self, hart: usize) {
        self.settle();
        self.selected = hart;
    }

    /// Whether accesses to these bytes are followed.
    pub fn wants(&self, start: u64, size: u64) -> bool {
        self.active && self.words.touch(start, size)
    }

    /// What the accesses from now on are part of.
    pub fn set_atomically(&mut self, atomically: Option<Atomically>) {
        self.atomically = atomically;
    }

    /// The selected hart takes an interrupt after so many instructions, or returns.
    pub fn set_interrupted(&mut self, icount: Option<u64>) {
        self.harts[self.selected].interrupted = icount;
    }

    /// The selected hart printed or called the firmware.
    pub fn was_seen(&mut self) {
        self.settle();
        self.harts[self.selected].looks.forget();
    }

    /// All that one hart has done comes before all that the other does from now on.
    pub fn order(&mut self, first: usize, then: usize, icount: u64) {
        let before = self.harts[first].ordered.with(first, icount);
        self.harts[then].ordered.join(&before);
    }

    /// As [`Races::order`], behind the selected hart.
    pub fn order_after_selected(&mut self, then: usize, icount: u64) {
        self.order(self.selected, then, icount);
    }

    /// A fence of the selected hart between accesses of some kinds (unprivileged manual, "Memory Ordering Instructions").
    pub fn fence(&mut self, instruction: u32, icount: u64) {
        const READ: u32 = 2;
        const WRITE: u32 = 1;
        let (before, after) = (instruction >> 24, instruction >> 20);
        let hart = &mut self.harts[self.selected];
        if before & READ != 0 && after & (READ | WRITE) != 0 {
            hart.ordered.join(&hart.pending);
        }
        if before & WRITE != 0 && after & WRITE != 0 {
            hart.released = hart.ordered.with(self.selected, icount);
        }
    }

    /// No hart stored there.
    pub fn forget(&mut self, physical: u64, length: u64) {
        self.settle();
        for address in (physical / 8 * 8..physical + length).step_by(8) {
            if let Some(word) = self.words.known(address) {
                word.versions.clear();
            }
        }
    }

    /// The selected hart loads at `address`.
    pub fn load(&mut self, by: HartAccess, physical: u64, address: u64, length: usize, value: u64) {
        let atomically = self.atomically;
        if !self.active || atomically.is_some_and(|atomically| atomically.conditional) {
            return;
        }
        let by = HartAccess { hart: self.selected, ..by };
        if let Some(vain) = &mut self.vain
            && atomically.is_none()
            && vain.is_made_again(&by, physical, length, value)
        {
            vain.by = by;
            return;
        }
        self.settle();
        let Some(word) = self.words.at(physical) else { return };
        let (bytes, hart) = (bytes(physical, length), &mut self.harts[by.hart]);
        let look = hart.looks.look(by.pc.0, physical, value);
        let ends_wait = look == Look::EndsWait;
        if ends_wait || atomically.is_some() {
            word.flags |= bytes;
        }
        let mut race = None;
        for version in word.versions.iter().filter(|version| version.bytes & bytes != 0 && version.by.hart != by.hart) {
            if atomically.is_none() && !version.is_atomic {
                race = hart.told_too_early(version, address).map(|kind| (kind, version.by)).or(race);
            }
            match atomically {
                Some(Atomically { acquires: true, .. }) => hart.ordered.join(&version.released),
                _ => hart.pending.join(&version.released),
            }
            if ends_wait {
                hart.learn(Told {
                    by: version.by.hart,
                    since: version.since,
                    flag: Address(physical),
                    waited: by.pc,
                    value,
                    released: version.released,
                    told: version.told,
                });
            }
        }
        word.loads[by.hart] = Some(Loaded { bytes, by });
        if ends_wait {
            self.found.waits.insert(by.pc);
        }
        if look == Look::Again && atomically.is_none() {
            self.vain = Some(Vain { by, physical, length, value });
        }
        if let Some((kind, first)) = race {
            self.keep(Race { address: Address(physical), kind, first, second: by });
        }
    }

    /// The selected hart stores `new` over `old`.
    pub fn store(&mut self, by: HartAccess, physical: u64, length: usize, old: u64, new: u64) {
        self.settle();
        let Some(word) = self.words.at(physical) else { return };
        let (atomically, by) = (self.atomically, HartAccess { hart: self.selected, ..by });
        let (bytes, hart) = (bytes(physical, length), &mut self.harts[by.hart]);
        let mut found = Vec::new();
        let own = word.versions.iter().filter(|version| version.bytes & bytes != 0 && version.by.hart == by.hart);
        let since = hart.tells_since(own.map(|version| version.by.icount).max());
        let mut released = match atomically {
            Some(Atomically { releases: true, .. }) => hart.ordered.with(by.hart, by.icount),
            _ => hart.released,
        };
        let over = word.versions.iter().filter(|version| version.bytes & bytes != 0);
        if atomically.is_some() {
            word.flags |= bytes;
            // It goes on with what was released there.
            over.for_each(|version| released.join(&version.released));
        } else {
            let goes_on = hart.clear.goes_on(physical, length as u64, new);
            let loaded = word.loads[by.hart].filter(|loaded| loaded.bytes & bytes != 0);
            let race =
                |version: &Version, kind| Race { address: Address(physical), kind, first: version.by, second: by };
            let mut erased = None;
            for version in over.filter(|version| hart.overtakes(version, by.hart)) {
                if loaded.is_some_and(|loaded| loaded.by.icount > version.by.icount) {
                    // It stores over what it has seen: that is in order, byte by byte.
                    continue;
                }
                found.extend(loaded.map(|loaded| race(version, RaceKind::Lost { loaded: loaded.by })));
                if new == 0 && old != 0 {
                    erased = Some(race(version, RaceKind::Erased { begun: hart.clear.begun() }));
                }
            }
            // One store of zero is no clear yet.
            if goes_on {
                found.extend(hart.clear.held.take().into_iter().chain(erased));
            } else {
                hart.clear.held = erased;
            }
        }
        let mut told = hart.told.with(by.hart, by.icount);
        told.join(&hart.ordered);
        word.loads[by.hart] = None;
        word.put(Version { bytes, by, is_atomic: atomically.is_some(), released, told, since });
        found.into_iter().for_each(|race| self.keep(race));
    }

    /// Remembers when the load that told nothing new was made last.
    fn settle(&mut self) {
        if let Some(Vain { by, physical, length, .. }) = self.vain.take()
            && let Some(word) = self.words.known(physical)
        {
            word.loads[by.hart] = Some(Loaded { bytes: bytes(physical, length), by });
        }
    }

    /// What the harts have shared.
    pub fn sharing(&self) -> Sharing {
        let of_word = |word: &words::Word| {
            let (address, flags) = (word.address, word.flags);
            (0..8).filter(move |byte| flags >> byte & 1 != 0).map(move |byte| Address(address + byte))
        };
        Sharing { flags: self.words.iter().flat_map(of_word).collect(), ..self.found.clone() }
    }

    fn keep(&mut self, race: Race) {
        let places = |race: &Race| (std::mem::discriminant(&race.kind), race.first.pc, race.second.pc);
        let races = &mut self.found.races;
        if races.len() < MOST && !races.iter().any(|known| places(known) == places(&race)) {
            races.push(race);
        }
    }
}
