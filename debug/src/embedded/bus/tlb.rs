//! The TLB: known translations of pages, so that loads and stores to plain RAM need no page table walk.
//!
//! Pages with watchpoints, devices and so on are not in it. It does not know why.

use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::state::Privilege;

/// The number of entries for each kind of access and privilege.
const ENTRIES: usize = 256;

#[derive(Clone, Copy)]
struct Entry {
    /// The virtual page number; [`u64::MAX`] in an empty entry.
    page: u64,
    /// The offset in RAM, or for code the index in the cache of decoded pages.
    target: usize,
}

const EMPTY: Entry = Entry { page: u64::MAX, target: 0 };

/// The translations for one kind of access, separately for both privileges.
pub struct Tlb {
    entries: Box<[Entry; 2 * ENTRIES]>,
    bank: usize,
}

impl Tlb {
    pub fn new() -> Tlb {
        Tlb { entries: Box::new([EMPTY; 2 * ENTRIES]), bank: 0 }
    }

    pub fn select(&mut self, privilege: Privilege) {
        self.bank = if privilege == Privilege::User { ENTRIES } else { 0 };
    }

    pub fn flush(&mut self) {
        self.entries.fill(EMPTY);
    }

    #[inline(always)]
    pub fn get(&self, page: u64) -> Option<usize> {
        let entry = self.entries[self.index(page)];
        (entry.page == page).then_some(entry.target)
    }

    /// The offset in RAM of `length` bytes at `address`, if they are in one known page.
    #[inline(always)]
    pub fn offset(&self, address: u64, length: usize) -> Option<usize> {
        let within = address as usize % PAGE;
        let target = self.get(address / PAGE as u64)?;
        (within <= PAGE - length).then_some(target + within)
    }

    pub fn insert(&mut self, page: u64, target: usize) {
        let index = self.index(page);
        self.entries[index] = Entry { page, target };
    }

    #[inline(always)]
    fn index(&self, page: u64) -> usize {
        (page as usize % ENTRIES + self.bank) % (2 * ENTRIES)
    }
}
