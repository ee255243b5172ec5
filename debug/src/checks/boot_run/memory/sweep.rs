//! Zeros that are stored side by side, and the clear of a BSS that needs none: zeros side by side over all of it, in one go.
//!
//! It does not judge, and does not know how the stores are observed.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::checks::boot_run::layout::{GUARD_BYTES, bytes, overlap};
use crate::machine::{Address, Store};

/// Zeros side by side are a clear from so many bytes on, or from all of BSS on.
pub const SWEEP: u64 = 64;

/// Zeros side by side: what a clear leaves behind, and a lock that is released, or a variable that is set to 0, does not.
#[derive(Clone, Default)]
pub struct Course {
    block: Range<Address>,
    /// So many of the block's bytes were stored, each counted once.
    stored: u64,
    pub by: BTreeSet<Address>,
}

impl Course {
    /// An unrolled clear stores in any order within this, in bytes.
    const NEAR: u64 = 128;

    pub fn store(&mut self, pc: Address, range: &Range<Address>) {
        if !self.goes_on(range) {
            *self = Course { block: range.clone(), stored: bytes(range), by: BTreeSet::from([pc]) };
            return;
        }
        let new = bytes(&(range.start..range.end.min(self.block.start)))
            + bytes(&(range.start.max(self.block.end)..range.end));
        self.block = self.block.start.min(range.start)..self.block.end.max(range.end);
        self.stored += new;
        if new > 0 {
            self.by.insert(pc);
        }
    }

    /// Whether the range is beside the zeros.
    pub fn goes_on(&self, range: &Range<Address>) -> bool {
        !self.by.is_empty() && self.is_near(range)
    }

    fn is_near(&self, range: &Range<Address>) -> bool {
        let near = self.block.start.0.saturating_sub(Self::NEAR)..=self.block.end.0 + Self::NEAR;
        near.contains(&range.start.0) && near.contains(&range.end.0)
    }

    /// Whether so many bytes lie side by side, with hardly a gap.
    pub fn is_a_sweep(&self, least: u64) -> bool {
        self.stored >= least && 2 * self.stored > bytes(&self.block)
    }

    /// Whether the range lies within the zeros.
    fn covers(&self, range: &Range<Address>) -> bool {
        self.block.start <= range.start && range.end <= self.block.end && self.is_a_sweep(bytes(range))
    }
}

/// The clear of a BSS that is in the file.
///
/// Nothing has to be cleared, so nothing tells when the clear is over, or that there is one at all: only zeros that come one after
/// the other, from one frame, and reach over all of BSS are one.
#[derive(Clone)]
pub struct Sweep {
    bss: Range<Address>,
    course: Course,
    sp: Address,
    /// When the course's last store was made, and the largest number of instructions between two of its stores.
    last: u64,
    longest_pause: u64,
    stores: u64,
    /// The course's first store beside BSS.
    beside: Option<Store>,
    over: bool,
}

impl Sweep {
    /// The largest number of instructions between two stores, until all of BSS is swept.
    const PAUSE: u64 = 64;
    /// The same for a clear that was done with one store.
    pub const ONE_ROUND: u64 = 8;

    pub fn new(bss: Range<Address>) -> Sweep {
        let course = Course::default();
        Sweep { bss, course, sp: Address(0), last: 0, longest_pause: 0, stores: 0, beside: None, over: false }
    }

    /// The bytes whose stores count; `None` when it is over.
    pub fn awaited(&self) -> Option<Range<Address>> {
        let near = self.bss.start - GUARD_BYTES..self.bss.end + GUARD_BYTES;
        (!self.over && bytes(&self.bss) > 0).then_some(near)
    }

    pub fn store(&mut self, store: &Store) {
        let range = store.address..store.address + u64::from(store.length);
        if store.new != 0 || !self.awaited().is_some_and(|near| overlap(&near, &range)) {
            return;
        }
        let pause = store.icount - self.last;
        let longest = match (self.is_whole(), self.stores) {
            (false, _) => Self::PAUSE,
            (true, 1) => Self::ONE_ROUND,
            (true, _) => self.longest_pause,
        };
        let goes_on = self.stores > 0 && pause <= longest && store.sp == self.sp && self.course.is_near(&range);
        if !goes_on {
            self.over = self.is_whole() && self.stores > 1;
            if self.over {
                return;
            }
            *self = Sweep { sp: store.sp, last: store.icount, ..Sweep::new(self.bss.clone()) };
        }
        self.course.store(store.pc, &range);
        self.longest_pause = self.longest_pause.max(store.icount - self.last);
        self.last = store.icount;
        self.stores += 1;
        if range.start < self.bss.start || range.end > self.bss.end {
            self.beside = self.beside.or(Some(*store));
        }
    }

    /// Notes a store. Returns whether it goes on with the zeros so far, or is the first.
    pub fn follows(&mut self, store: &Store) -> bool {
        let before = self.stores;
        self.store(store);
        self.stores == before + 1
    }

    /// Whether all of BSS was swept.
    pub fn is_whole(&self) -> bool {
        bytes(&self.bss) > 0 && self.course.covers(&self.bss)
    }

    /// Whether the instruction took part.
    pub fn is_by(&self, pc: Address) -> bool {
        self.course.by.contains(&pc)
    }

    /// The first store beside BSS of a clear.
    pub fn stray(&self) -> Option<Store> {
        self.beside.filter(|_| self.is_whole())
    }
}

#[cfg(test)]
mod tests {
    use super::super::clearing::tests::store;
    use super::*;

    /// BSS is 32 bytes at 0x1000; these are zeros, by when and where they are stored.
    fn stray(zeros: &[(u64, u64)]) -> Option<Address> {
        let mut sweep = Sweep::new(Address(0x1000)..Address(0x1020));
        zeros.iter().for_each(|(icount, address)| sweep.store(&store(*icount, 0x100, *address, 0)));
        sweep.stray().map(|stray| stray.address)
    }

    const ALL: [(u64, u64); 4] = [(10, 0x1000), (13, 0x1008), (16, 0x1010), (19, 0x1018)];

    #[test]
    fn a_sweep_over_all_of_bss_that_goes_on_has_a_stray_store() {
        assert_eq!(stray(&[&ALL[..], &[(22, 0x1020)]].concat()), Some(Address(0x1020)));
        assert_eq!(stray(&[&[(7, 0xff8)], &ALL[..]].concat()), Some(Address(0xff8)));
        assert_eq!(stray(&ALL), None);
    }

    #[test]
    fn zeros_that_are_no_clear_may_be_anywhere() {
        assert_eq!(stray(&[&ALL[1..], &[(22, 0x1020)]].concat()), None, "a byte of BSS was left out");
        assert_eq!(stray(&[&ALL[..], &[(40, 0x1020)]].concat()), None, "the clear was over");
        assert_eq!(stray(&[&[(7, 0x1020), (107, 0xff8)], &ALL.map(|(at, to)| (at + 200, to))[..]].concat()), None);
        let slow = ALL.map(|(at, to)| (100 * at, to));
        assert_eq!(stray(&[&slow[..], &[(1901, 0x1020)]].concat()), None, "variables that are set one at a time");
    }

    #[test]
    fn another_frame_is_not_the_clear_s() {
        let mut sweep = Sweep::new(Address(0x1000)..Address(0x1020));
        ALL.iter().for_each(|(icount, address)| sweep.store(&store(*icount, 0x100, *address, 0)));
        sweep.store(&Store { sp: Address(0x8ff0), ..store(22, 0x100, 0x1020, 0) });
        assert!(sweep.is_whole() && sweep.stray().is_none() && sweep.awaited().is_none());
    }
}
