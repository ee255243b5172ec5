//! What one hart knows of the others, and what it waits for. It does not know memory.

use std::collections::VecDeque;
use std::ops::Range;

use super::clock::Clock;
use super::words::Version;
use crate::machine::MOST_HARTS;
use crate::machine::{Address, Race, RaceKind};

/// How many bytes a pointer may be followed to.
const POINTED: u64 = 4096;
/// How many of a hart's flags are remembered that told of it.
const FLAGS: usize = 8;
/// Loads that are remembered to find out what a hart waits for: more than a round of a loop that waits has.
const REMEMBERED: usize = 16;

/// What one hart knows.
#[derive(Default)]
pub struct Knowledge {
    /// What comes before all that it does now.
    pub ordered: Clock,
    /// What comes before that behind its next fence.
    pub pending: Clock,
    /// What a store behind its last fence tells others.
    pub released: Clock,
    /// What it has learnt by waiting, with or without an order.
    pub told: Clock,
    /// The last wait for each flag that told it of each hart.
    told_by: [Vec<Told>; MOST_HARTS],
    /// What the handler of an interrupt does that it has now taken comes after so many instructions.
    pub interrupted: Option<u64>,
    pub looks: Looks,
    pub clear: Clear,
}

/// A wait that ended.
#[derive(Clone, Copy)]
pub struct Told {
    /// Who stored what was waited for.
    pub by: usize,
    /// The first of the instructions of that hart of which the store tells.
    pub since: u64,
    /// The first byte that was waited for.
    pub flag: Address,
    pub waited: Address,
    pub value: u64,
    /// What the awaited store released.
    pub released: Clock,
    /// What who waited for it may conclude.
    pub told: Clock,
}

impl Told {
    /// Whether it told of what that hart did with so many instructions before.
    fn tells_of(&self, hart: usize, icount: u64) -> bool {
        self.told.has(hart, icount) && (hart != self.by || icount >= self.since)
    }
}

impl Knowledge {
    /// What a wait told; it tells, too, what the other hart had been told.
    pub fn learn(&mut self, told: Told) {
        for (number, known) in self.told_by.iter_mut().enumerate() {
            if told.told.is_beyond(&self.told, number) {
                // What it was told by that flag before was not what it waited for, or is known by now.
                known.retain(|known| (known.flag, known.by) != (told.flag, told.by));
                known.drain(..(known.len() + 1).saturating_sub(FLAGS));
                known.push(told);
            }
        }
        self.told.join(&told.told);
    }

    /// The first of a hart's instructions of which its store tells, if it has stored there before, at `last`: whoever waits for that again and
    /// again has seen the former one. A handler that ran before, too, tells only of what it does now: the code that it interrupts is at any place.
    pub fn tells_since(&self, last: Option<u64>) -> u64 {
        last.map_or(0, |last| last.max(self.interrupted.unwrap_or(0)))
    }

    /// A load of this version, which no order brings but which the hart was told of, is a race.
    pub fn told_too_early(&self, version: &Version, address: u64) -> Option<RaceKind> {
        let (other, icount) = (version.by.hart, version.by.icount);
        if self.ordered.has(other, icount) || !self.told.has(other, icount) {
            return None;
        }
        let told = self.told_by[other].iter().rev().find(|told| told.tells_of(other, icount))?;
        let released = told.released.has(other, icount);
        // An access whose address was loaded comes after that load (unprivileged manual, "RVWMO", syntactic dependencies).
        let follows_pointer = released && address.wrapping_sub(told.value) < POINTED;
        let kind = RaceKind::Unfenced { flag: told.flag, waited: told.waited, released };
        (!follows_pointer).then_some(kind)
    }

    /// Whether no order brings this version before a store of this hart. A store that depends on a load comes after it, with no fence.
    pub fn overtakes(&self, version: &Version, hart: usize) -> bool {
        let (other, icount) = (version.by.hart, version.by.icount);
        other != hart && !self.ordered.has(other, icount) && !self.pending.has(other, icount)
    }
}

struct Looked {
    pc: u64,
    address: u64,
    value: u64,
    count: u32,
}

/// What a load is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The instruction loads this value from there for the first time in a row.
    New,
    Again,
    /// The same instruction has loaded another value from there, again and again: it ends a wait.
    EndsWait,
}

/// The last loads of a hart.
#[derive(Default)]
pub struct Looks(VecDeque<Looked>);

impl Looks {
    /// What this load is to those before it.
    pub fn look(&mut self, pc: u64, address: u64, value: u64) -> Look {
        let known = self.0.iter_mut().rev().find(|look| look.pc == pc && look.address == address);
        let Some(look) = known else {
            if self.0.len() == REMEMBERED {
                self.0.pop_front();
            }
            self.0.push_back(Looked { pc, address, value, count: 1 });
            return Look::New;
        };
        if look.value == value {
            look.count = look.count.saturating_add(1);
            return Look::Again;
        }
        let waited = look.count > 1;
        (look.value, look.count) = (value, 1);
        if waited { Look::EndsWait } else { Look::New }
    }

    /// The hart did something that others can see: what it loads in a loop is not only waited for.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Stores of zero, side by side.
#[derive(Default)]
pub struct Clear {
    begun: Range<u64>,
    last: Range<u64>,
    /// What the last store is, if it is part of a clear.
    pub held: Option<Race>,
}

impl Clear {
    /// Whether a store of `value` to this physical range goes on with a clear.
    pub fn goes_on(&mut self, start: u64, length: u64, value: u64) -> bool {
        let stored = start..start + length;
        let is_beside = stored.start == self.last.end || stored.end == self.last.start;
        let goes_on = value == 0 && !self.last.is_empty() && is_beside;
        if !goes_on {
            self.held = None;
            self.begun = stored.clone();
        }
        self.last = if value == 0 { stored } else { 0..0 };
        goes_on
    }

    /// The bytes of its first store.
    pub fn begun(&self) -> Range<Address> {
        Address(self.begun.start)..Address(self.begun.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_loads_the_same_twice_and_then_another_value() {
        let mut looks = Looks::default();
        let mut look = |value| looks.look(0x100, 0x2000, value);
        let expected = [Look::New, Look::New, Look::Again, Look::Again, Look::EndsWait, Look::New];
        assert_eq!([0, 1, 1, 1, 2, 3].map(&mut look), expected);
        looks.look(0x100, 0x2000, 3);
        looks.forget();
        assert_eq!(looks.look(0x100, 0x2000, 4), Look::New);
    }

    #[test]
    fn a_clear_is_two_stores_of_zero_side_by_side() {
        let mut clear = Clear::default();
        let stores = [(0, 8, 0), (8, 8, 0), (16, 4, 1), (20, 4, 0), (16, 4, 0), (12, 4, 0), (4, 4, 0)];
        // What is beside the fourth was not zero, and it may go downwards.
        assert_eq!(
            stores.map(|(start, length, value)| clear.goes_on(start, length, value)),
            [false, true, false, false, true, true, false]
        );
        assert_eq!(clear.begun(), Address(4)..Address(8));
    }
}
